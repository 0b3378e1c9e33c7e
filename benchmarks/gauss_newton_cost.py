"""What the curvature of a loss costs beside one pass of `evaluate`, on ResNet-20 with ten outputs.

    KERAS_BACKEND=tensorflow python -m benchmarks.gauss_newton_cost [--images 500] [--repeats 5]
    KERAS_BACKEND=jax python -m benchmarks.gauss_newton_cost

Both run over the same random images in batches of 100, one after the other in one process on one core, after both have
run once. Of every repeat the ratio is taken, of wall and of processor time; reported are the medians.
"""

import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from benchmarks.cifar_resnets import residual_network  # noqa: E402
from benchmarks.harness import Results, about, arguments, measured_on, table  # noqa: E402
from benchmarks.weights import randomize  # noqa: E402
from kerasprune.criteria import GaussNewton  # noqa: E402
from kerasprune.evidence import Evidence, Sampling  # noqa: E402

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
    found = {"backend": keras.backend.backend(), "images": images, "repeats": repeats, **about()}
    for index, kind in enumerate(("wall", "processor")):
        for name in passes:
            found[f"{name}_{kind}_s"] = statistics.median(row[name][index] for row in times)
        found[f"{kind}_ratio"] = statistics.median(row["gauss_newton"][index] / row["evaluate"][index] for row in times)
    return found


def lines(rows: list[dict]) -> list[str]:
    """Markdown, one line per backend."""
    cells = [
        (
            row["backend"],
            row["images"],
            f"{row['evaluate_wall_s']:.2f} s",
            f"{row['gauss_newton_wall_s']:.2f} s",
            f"{row['wall_ratio']:.1f}",
            f"{row['processor_ratio']:.1f}",
        )
        for row in rows
    ]
    return [
        "# The cost of `gauss_newton`",
        "",
        f"ResNet-20, ten outputs, batches of {BATCH_SIZE}, one core. Medians; at most {MOST} times is the aim.",
        measured_on(rows),
        "",
        *table(("backend", "images", "evaluate", "gauss_newton", "ratio", "ratio of processor time"), cells),
    ]


def main() -> int:
    """Measure this backend and write it beside the others."""
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    results = Results(options.output, "gauss_newton_cost")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = measure(options.images, options.repeats)
    rows = [*(row for row in results.rows() if row["backend"] != found["backend"]), found]
    rows.sort(key=lambda row: row["backend"])
    results.write({"rows": rows}, lines(rows))
    results.show()
    return 0 if found["processor_ratio"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
