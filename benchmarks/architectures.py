"""Halve the multiply-accumulates of the networks of keras.applications, prove the result, and time it.

    python -m benchmarks.architectures [--only ResNet50 ...] [--export] [--output benchmarks/results]

Each network runs in a process of its own, with random weights at which no batch-norm statistic is trivial and without
the softmax, behind which differences vanish. `time` is that of trace + score("magnitude") + select + slim, `clone` that
of `keras.models.clone_model`; both are run in turn in one process, and the medians stand in the table.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FIRST = "ResNet50 MobileNetV2 MobileNetV3Small EfficientNetB0 DenseNet121 VGG16 InceptionV3 Xception".split()
BUDGET = 0.5
ROUNDS = 5
COLUMNS = {
    "prunable params": lambda row: f"{100 * row['prunable_params']:.0f} %",
    "prunable MACs": lambda row: f"{100 * row['prunable_macs']:.0f} %",
    "params": lambda row: f"{row['params'] / 1e6:.2f} M -> {row['params_after'] / 1e6:.2f} M",
    "MACs": lambda row: f"{row['macs'] / 1e6:,.0f} M -> {row['macs_after'] / 1e6:,.0f} M",
    "masked vs slim": lambda row: f"{row['difference']:.1e}",
    "time": lambda row: f"{row['seconds']:.2f} s",
    "clone": lambda row: f"{row['clone_seconds']:.2f} s",
    "ratio": lambda row: f"{row['seconds'] / row['clone_seconds']:.2f}",
    "TFLite vs Keras": lambda row: f"{row['tflite_difference']:.1e}" if "tflite_difference" in row else "not run",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=FIRST, metavar="NAME", help="networks (default: eight well-known)")
    parser.add_argument("--export", action="store_true", help="also export to float32 TFLite and compare")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.only[0], options.seed, options.export)))
        return 0
    rows, failed = [], []
    for name in options.only:
        row = in_child(name, options)
        (rows if "error" not in row else failed).append(row)
        print(line(row) if "error" not in row else f"{name}: {row['error']}", flush=True)
    if rows:
        write(rows, options)
    return 1 if failed else 0


def in_child(name: str, options) -> dict:
    """The row of one network, measured in a process of its own; with `error` where that fails."""
    command = [sys.executable, "-m", "benchmarks.architectures", "--here", "--only", name, "--seed", str(options.seed)]
    command += ["--export"] if options.export else []
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        return {"name": name, "error": result.stderr.strip().splitlines()[-1]}
    return json.loads(result.stdout.strip().splitlines()[-1])


def measure(name: str, seed: int, export: bool) -> dict:
    """Everything about one network."""
    import keras

    import kerasprune as kp
    from benchmarks.weights import randomize

    keras.utils.set_random_seed(seed)
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    randomize(model, np.random.default_rng(seed))
    small, graph, keep = halve(kp, model)
    free = np.where(graph.frozen, 1.0, 0.0)  # what is left when every free channel goes
    row = {
        "name": name,
        "prunable_params": 1 - graph.params(free) / graph.params(),
        "prunable_macs": 1 - graph.macs(free) / graph.macs(),
        "params": graph.params(),
        "params_after": small.count_params(),
        "macs": graph.macs(),
        "macs_after": kp.trace(small).macs(),
        "difference": kp.verify(model, graph, keep, small),
        **timed(lambda: halve(kp, model), lambda: keras.models.clone_model(model)),
    }
    if export:
        with tempfile.TemporaryDirectory() as folder:
            shapes = {tensor.name: shape[1:] for tensor, shape in zip(small.inputs, graph.input_shapes, strict=True)}
            path = Path(folder) / "small.tflite"
            result = kp.export(small, path, "float32", input_shapes=shapes, seed=seed)
        row |= {"tflite_difference": result.max_difference, "tflite_ops": sorted(result.ops)}
    return row


def halve(kp, model):
    """The slimmed model with its graph and keep."""
    graph = kp.trace(model)
    keep = kp.select(graph, kp.score(model, graph, "magnitude"), kp.Budget(flops=BUDGET))
    return kp.slim(model, graph, keep), graph, keep


def timed(ours, floor) -> dict:
    """Median seconds of both, run in turn; each has run once before."""
    floor()
    times = ([], [])
    for _ in range(ROUNDS):
        for record, function in zip(times, (ours, floor), strict=True):
            start = time.perf_counter()
            function()
            record.append(time.perf_counter() - start)
    return {"seconds": statistics.median(times[0]), "clone_seconds": statistics.median(times[1])}


def line(row: dict) -> str:
    return f"{row['name']}: " + ", ".join(f"{title} {show(row)}" for title, show in COLUMNS.items())


def write(rows: list[dict], options) -> None:
    """The table as JSON and as Markdown."""
    from kerasprune.core import write_text

    options.output.mkdir(parents=True, exist_ok=True)
    total = sum(row["seconds"] for row in rows) / sum(row["clone_seconds"] for row in rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, seed {options.seed}"
    table = ["| network | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    table += [f"| {row['name']} | " + " | ".join(show(row) for show in COLUMNS.values()) + " |" for row in rows]
    summary = f"{len(rows)} networks; {machine}; the sum of all times is {total:.2f} times that of `clone_model`."
    write_text(options.output / "architectures.md", "\n".join(["# Half the MACs", "", summary, "", *table, ""]))
    write_text(options.output / "architectures.json", json.dumps({"machine": machine, "rows": rows}, indent=1))
    print(summary)


if __name__ == "__main__":
    sys.exit(main())
