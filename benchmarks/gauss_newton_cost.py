"""What the curvature of a loss costs beside one pass of `evaluate`, on ResNet-20 with ten outputs.

    KERAS_BACKEND=tensorflow python -m benchmarks.gauss_newton_cost [--images 500] [--repeats 5]
    KERAS_BACKEND=jax python -m benchmarks.gauss_newton_cost

Both run over the same random images in batches of 100, one after the other in one process on one core, after both have
run once. Of every repeat the ratio is taken, of wall and of processor time; reported are the medians.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from benchmarks.cifar_resnets import residual_network  # noqa: E402
from benchmarks.weights import randomize  # noqa: E402
from kerasprune.core import write_text  # noqa: E402
from kerasprune.criteria import GaussNewton  # noqa: E402
from kerasprune.evidence import Evidence, Sampling  # noqa: E402

RESULTS = Path(__file__).parent / "results"
BATCH_SIZE = 100
MOST = 15  # times one pass of `evaluate`


def timed(function) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(images: int, repeats: int) -> dict:
    """Medians over the repeats."""
    rng = np.random.default_rng(0)
    model = residual_network(None, "resnet20")
    randomize(model, rng)
    x, y = rng.normal(size=(images, 32, 32, 3)).astype("float32"), rng.integers(0, 10, images)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=["accuracy"])
    graph = kp.trace(model)
    scores = GaussNewton().under_gain(Evidence(model, graph, Sampling((x, y), loss, BATCH_SIZE)))
    gain = np.ones(graph.num_ids)
    passes = {
        "evaluate": lambda: model.evaluate(x, y, batch_size=BATCH_SIZE, verbose=0),
        "gauss_newton": lambda: scores(gain),
    }
    for run in passes.values():
        run()
    times = [{name: timed(run) for name, run in passes.items()} for _ in range(repeats)]
    found = {"backend": keras.backend.backend(), "keras": keras.__version__, "images": images, "repeats": repeats}
    for index, kind in enumerate(("wall", "processor")):
        for name in passes:
            found[f"{name}_{kind}_s"] = statistics.median(row[name][index] for row in times)
        found[f"{kind}_ratio"] = statistics.median(row["gauss_newton"][index] / row["evaluate"][index] for row in times)
    return found


def table(rows: list[dict], machine: str) -> str:
    """Markdown, one line per backend."""
    lines = ["# The cost of `gauss_newton`", ""]
    lines += [
        f"ResNet-20, ten outputs, batches of {BATCH_SIZE}, one core; {machine}. Medians; at most {MOST} times is",
        "",
    ]
    lines[-2] += " the aim."
    lines += ["| backend | images | evaluate | gauss_newton | ratio | ratio of processor time |", "|---" * 6 + "|"]
    for row in rows:
        lines.append(
            f"| {row['backend']} (keras {row['keras']}) | {row['images']} | {row['evaluate_wall_s']:.2f} s "
            f"| {row['gauss_newton_wall_s']:.2f} s | {row['wall_ratio']:.1f} | {row['processor_ratio']:.1f} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    """Measure this backend and write it beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    path = options.output / "gauss_newton_cost.json"
    options.output.mkdir(parents=True, exist_ok=True)
    found = measure(options.images, options.repeats)
    machine = f"{os.cpu_count()} shared {platform.machine()} cores"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    rows = sorted([*(row for row in rows if row["backend"] != found["backend"]), found], key=lambda row: row["backend"])
    write_text(path, json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    write_text(path.with_suffix(".md"), table(rows, machine))
    print(table(rows, machine))
    return 0 if found["processor_ratio"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
