"""The fast exact oracle against the naive loop, which runs the whole network once for every channel.

    [KERAS_BACKEND=jax] python -m benchmarks.oracle_speed --data DIR [--only mlp resnet8]

DIR holds `mnist/`, `cifar10/` and `mlperf_tiny/`. The naive loop measures the mean loss of the whole network with one
channel at zero, on one compiled model, for every eighth channel, and its time is scaled to all of them. Times are
seconds of the processor, over all cores, after a first call of each, which compiles. Rows of another backend stay in
the results.
"""

import statistics
import time
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table
from benchmarks.no_retraining_mnist import trained
from kerasprune.evidence import Ablation, Probe, Sampling

LOSS = "sparse_categorical_crossentropy"
ROUNDS, EVERY, TOLERANCE = 5, 8, 1e-5
FILES = datasets.MNIST, datasets.CIFAR10, datasets.RESNET8
TITLES = (
    "network",
    "backend",
    "channels",
    "images",
    "naive",
    "fast",
    "naive / fast",
    "fast / `evaluate`",
    "first call",
    "largest difference",
)


def mlp(data: Path, seed: int) -> tuple[keras.Model, np.ndarray, np.ndarray, int]:
    """784-300-100-10 after training, 10,000 images, and the batch size."""
    arrays = datasets.mnist(data)
    x, y = arrays["x_train"].reshape(-1, 784), arrays["y_train"].astype(int)
    return trained(x, y, seed), x[:10_000], y[:10_000], 1000


def resnet8(data: Path, seed: int) -> tuple[keras.Model, np.ndarray, np.ndarray, int]:
    """ResNet-8 of MLPerf Tiny, 1,000 images, and the batch size."""
    arrays = datasets.arrays(data, datasets.CIFAR10)
    model = keras.saving.load_model(data / datasets.RESNET8, compile=False)
    return model, arrays["x_train"][:1000].astype("float32"), arrays["y_train"][:1000].ravel().astype(int), 100


NETWORKS = {"mlp": mlp, "resnet8": resnet8}


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
    fast = statistics.median(processor_seconds(lambda: ablation(everything, candidates)) for _ in range(ROUNDS))
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
    evaluate = statistics.median(
        processor_seconds(lambda: model.evaluate(x, y, size, verbose=0)) for _ in range(ROUNDS)
    )
    return {
        "network": name,
        "backend": keras.backend.backend(),
        "channels": len(candidates),
        "images": len(x),
        "batch": size,
        "memory": memory,
        "naive": statistics.median(naive) * len(candidates),
        "fast": fast,
        "first": first,
        "evaluate": evaluate,
        "difference": max(differences),
        **about(),
    }


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    cells = [
        (
            row["network"],
            row["backend"],
            row["channels"],
            f"{row['images']:,}",
            f"{row['naive']:.1f}",
            f"{row['fast']:.2f}",
            f"{row['naive'] / row['fast']:.1f}",
            f"{row['fast'] / row['evaluate']:.1f}",
            f"{row['first']:.1f}",
            f"{row['difference']:.0e}",
        )
        for row in rows
    ]
    return [
        "# The exact oracle",
        "",
        "Seconds of the processor for all channels once; the first call also compiles. Seed 0.",
        measured_on(rows),
        "",
        *table(TITLES, cells),
    ]


def main() -> None:
    """Measure the networks on this backend and write the results of all."""
    parser = arguments(__doc__, needs=FILES, only=NETWORKS)
    parser.add_argument("--memory", type=float, default=256, help="MiB that the oracle may hold")
    options = parser.parse_args()
    datasets.find(options.data, *FILES)
    results = Results(options.output, "oracle_speed")
    for name in options.only:
        row = measure(name, options.data, 0, options.memory)
        same = ("network", "backend")
        rows = [other for other in results.rows() if any(other[key] != row[key] for key in same)] + [row]
        rows.sort(key=lambda row: [row[key] for key in same])
        results.write({"rows": rows}, lines(rows))
    results.show()


if __name__ == "__main__":
    main()
