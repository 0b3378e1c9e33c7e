"""The fast exact oracle against the naive loop, which runs the whole network once for every channel.

    [KERAS_BACKEND=jax] python -m benchmarks.oracle_speed --data DIR [--networks mlp resnet8]

DIR holds `mnist/`, `cifar10/` and `mlperf_tiny/`. The naive loop measures the mean loss of the whole network with one
channel at zero, on one compiled model, for every eighth channel, and its time is scaled to all of them. Times are
seconds of the processor, over all cores, after a first call of each, which compiles. Rows of another backend stay in
the results.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from benchmarks.no_retraining_mnist import trained  # noqa: E402
from kerasprune.core.files import write_text  # noqa: E402
from kerasprune.evidence import (
    Ablation,  # noqa: E402
    Probe,
    Sampling,  # noqa: E402
)

RESULTS = Path(__file__).parent / "results"
LOSS = "sparse_categorical_crossentropy"
ROUNDS, EVERY, TOLERANCE = 5, 8, 1e-5
FILES = "mnist/mnist.npz", "cifar10/cifar10_lossless_subset.npz", "mlperf_tiny/ic_resnet8_cifar10.keras"


def mlp(data: Path, seed: int) -> tuple[keras.Model, np.ndarray, np.ndarray, int]:
    """784-300-100-10 after training, 10,000 images, and the batch size."""
    arrays = np.load(data / FILES[0], allow_pickle=False)
    x, y = arrays["x_train"].reshape(-1, 784).astype("float32") / 255, arrays["y_train"].astype(int)
    return trained(x, y, seed), x[:10_000], y[:10_000], 1000


def resnet8(data: Path, seed: int) -> tuple[keras.Model, np.ndarray, np.ndarray, int]:
    """ResNet-8 of MLPerf Tiny, 1,000 images, and the batch size."""
    arrays = np.load(data / FILES[1], allow_pickle=False)
    model = keras.saving.load_model(data / FILES[2], compile=False)
    return model, arrays["x_train"][:1000].astype("float32"), arrays["y_train"][:1000].ravel().astype(int), 100


NETWORKS = {"mlp": mlp, "resnet8": resnet8}


def seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(name: str, data: Path, seed: int, memory: float) -> dict:
    """Both ways on one network; their results must agree."""
    model, x, y, size = NETWORKS[name](data, seed)
    graph = kp.trace(model)
    candidates, everything = np.flatnonzero(~graph.frozen), np.ones(graph.num_ids)
    probe = Probe(model, graph, Sampling(loss=LOSS, batch_size=size))
    ablation = Ablation(model, graph, Sampling((x, y), LOSS, size), memory=memory)
    start = time.process_time()
    changes = ablation(everything, candidates)
    first = time.process_time() - start
    before = probe.mean_loss((x, y))
    fast = statistics.median(seconds(lambda: ablation(everything, candidates)) for _ in range(ROUNDS))
    naive, differences = [], []
    for place in range(0, len(candidates), EVERY):
        without = everything.copy()
        without[candidates[place]] = 0.0
        start = time.process_time()
        loss = probe.mean_loss((x, y), without)
        naive.append(time.process_time() - start)
        differences.append(abs(loss - before - changes[place]))
    if max(differences) > TOLERANCE:
        raise AssertionError(f"{name}: the two ways differ by {max(differences):.1e}.")
    model.compile(loss=LOSS)
    model.evaluate(x, y, size, verbose=0)
    evaluate = statistics.median(seconds(lambda: model.evaluate(x, y, size, verbose=0)) for _ in range(ROUNDS))
    return {
        "network": name,
        "backend": f"{keras.backend.backend()}, keras {keras.__version__}",
        "channels": len(candidates),
        "images": len(x),
        "batch": size,
        "memory": memory,
        "naive": statistics.median(naive) * len(candidates),
        "fast": fast,
        "first": first,
        "evaluate": evaluate,
        "difference": max(differences),
    }


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = ["# The exact oracle", "", f"{platform.machine()}, {os.cpu_count()} shared cores, seed 0."]
    lines += ["Seconds of the processor for all channels once; the first call also compiles.", ""]
    lines += [
        "| network | backend | channels | images | naive | fast | naive / fast | fast / `evaluate` | first call |"
    ]
    lines[-1] += " largest difference |"
    lines.append("|---" * 10 + "|")
    for row in rows:
        ratios = f"{row['naive'] / row['fast']:.1f} | {row['fast'] / row['evaluate']:.1f}"
        times = f"{row['naive']:.1f} | {row['fast']:.2f} | {ratios} | {row['first']:.1f}"
        counts = f"{row['channels']} | {row['images']:,}"
        lines.append(f"| {row['network']} | {row['backend']} | {counts} | {times} | {row['difference']:.0e} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Measure the networks on this backend and write the results of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/, cifar10/ and mlperf_tiny/")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--memory", type=float, default=256, help="MiB that the oracle may hold")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    for file in FILES:
        if not (options.data / file).is_file():
            print(f"There is no {options.data / file}. Pass the folder that holds {file} as --data.", file=sys.stderr)
            return 2
    path = options.output / "oracle_speed.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    for name in options.networks:
        row = measure(name, options.data, 0, options.memory)
        print(table([row]), flush=True)
        same = ("network", "backend")
        rows = [other for other in rows if any(other[key] != row[key] for key in same)] + [row]
        rows.sort(key=lambda row: [row[key] for key in same])
        options.output.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(rows, indent=1) + "\n")
        write_text(path.with_suffix(".md"), table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
