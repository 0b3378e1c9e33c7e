"""Halve the multiply-accumulates of every network, prove the result, and time it.

    python -m benchmarks.architectures [--only ResNet50 "KerasHub ViT" ...] [--export] [--again]

Each network runs in a process of its own, with random weights at which no batch-norm statistic is trivial. The times
are medians of runs that take turns with `keras.models.clone_model` in one process, in seconds of the processor, so that
other work on the machine does not count; the memory is what the four steps add to that of the model, at their peak. The
table grows with every run: what stands in it already is measured anew only with `--again`.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import Results, about, arguments, in_child, measured_on, processor_seconds, table
from benchmarks.memory import peak
from benchmarks.networks import APPLICATIONS, HUB, application, hub, transfer

BUDGET = 0.5
ROUNDS = 3
STEPS = ("trace", "score", "select", "slim")
TOLERANCE = 1e-4


def main() -> int:
    parser = arguments(__doc__, seed=True, only=[*APPLICATIONS, *HUB])
    parser.add_argument("--export", action="store_true", help="also export to float32 TFLite and compare")
    parser.add_argument("--again", action="store_true", help="measure what stands in the table, too")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.only[0], options.seed, options.export)))
        return 0
    results = Results(options.output, "architectures")
    rows = {row["name"]: row for row in results.rows()}
    failed = False
    for name in options.only:
        if name in rows and not options.again:
            continue
        row = measured(name, options)
        print(line(row), flush=True)
        failed = failed or "error" in row
        if "error" not in row:
            rows[name] = row
            ordered = [rows[name] for name in [*APPLICATIONS, *HUB] if name in rows]
            results.write({"rows": ordered}, lines(ordered))
    return 1 if failed else 0


def measured(name: str, options: argparse.Namespace) -> dict:
    """The row of one network, measured in a process of its own; with `error` where that fails."""
    words = ["--here", "--only", name, "--seed", options.seed, *(["--export"] if options.export else [])]
    try:
        return in_child("benchmarks.architectures", *words)
    except RuntimeError as error:
        last = str(error).splitlines()[-1]
        why = "keras-hub is not installed: pip install keras-hub" if "keras_hub" in last else last
        return {"name": name, "error": why}


def measure(name: str, seed: int, export: bool) -> dict:
    """Everything about one network."""
    import keras

    import kerasprune as kp
    from benchmarks.weights import randomize

    keras.utils.set_random_seed(seed)
    model = hub(name) if name in HUB else application(name)
    randomize(model, np.random.default_rng(seed))
    work = Work(kp, model)
    with peak() as memory:
        small = work.run()
    graph, keep = work.graph, work.keep
    everything_free_gone = np.where(graph.frozen, 1.0, 0.0)
    row = {
        "name": name,
        "prunable_params": 1 - graph.params(everything_free_gone) / graph.params(),
        "prunable_macs": 1 - graph.macs(everything_free_gone) / graph.macs(),
        "params": graph.params(),
        "params_after": small.count_params(),
        "macs": graph.macs(),
        "macs_after": kp.trace(small).macs(),
        "left_alone": len(graph.declined),
        "difference": kp.verify(model, graph, keep, small),
        "memory": None if memory.bytes is None else memory.bytes / sum(weight_bytes(w) for w in model.weights),
        **timed(work, lambda: keras.models.clone_model(model)),
        "seed": seed,
        **about(),
    }
    if export:
        row |= exported(kp, small, graph, seed)
    if name not in HUB:
        row["odd_difference"] = odd_difference(kp, name, seed, randomize)
    return row


class Work:
    """The four steps on one model, timed."""

    def __init__(self, kp, model):
        self.kp = kp
        self.model = model
        self.seconds: dict[str, list[float]] = {step: [] for step in STEPS}

    def run(self):
        """The slimmed model; `graph` and `keep` are kept."""
        kp, model = self.kp, self.model
        self.graph = self._time("trace", lambda: kp.trace(model))
        scores = self._time("score", lambda: kp.score(model, self.graph, "magnitude"))
        self.keep = self._time("select", lambda: kp.select(self.graph, scores, kp.Budget(flops=BUDGET)))
        return self._time("slim", lambda: kp.slim(model, self.graph, self.keep))

    def _time(self, step, function):
        start = time.process_time()
        result = function()
        self.seconds[step].append(time.process_time() - start)
        return result


def timed(work: Work, clone) -> dict:
    """Median seconds of every step and of a clone, run in turn; each has run once before."""
    try:
        clone()
    except (TypeError, ValueError):  # a layer that Keras cannot make from its own configuration
        clone = None
    clones = []
    for _ in range(ROUNDS):
        gc.collect()  # models are full of cycles; each pays for its own
        work.run()
        if clone is not None:
            gc.collect()
            clones.append(processor_seconds(clone))
    medians = {f"{step}_seconds": statistics.median(work.seconds[step][-ROUNDS:]) for step in STEPS}
    return {**medians, "clone_seconds": statistics.median(clones) if clones else None}


def exported(kp, small, graph, seed: int) -> dict:
    """How far the TFLite file of the slimmed model is from it, and which operations it holds."""
    with tempfile.TemporaryDirectory() as folder:
        shapes = {tensor.name: shape[1:] for tensor, shape in zip(small.inputs, graph.input_shapes, strict=True)}
        path = Path(folder) / "small.tflite"
        try:
            result = kp.export(small, path, "float32", input_shapes=shapes, seed=seed)
        except kp.ExportError as error:
            return {"tflite_error": str(error)}
    return {"tflite_difference": result.max_difference, "tflite_ops": sorted(result.ops)}


def odd_difference(kp, name: str, seed: int, randomize) -> float:
    """The difference for the same architecture as a nested base, at an odd size, under a new head."""
    model = transfer(name)
    randomize(model, np.random.default_rng(seed))
    work = Work(kp, model)
    small = work.run()
    return kp.verify(model, work.graph, work.keep, small)


def weight_bytes(variable) -> int:
    return int(np.prod(variable.shape)) * np.dtype(str(variable.dtype)).itemsize


def ours(row: dict) -> float:
    """Seconds of all four steps."""
    return sum(row[f"{step}_seconds"] for step in STEPS)


def tflite(row: dict) -> str:
    """How far the exported file is from the model, or that there is none."""
    if "tflite_difference" in row:
        return f"{row['tflite_difference']:.1e}"
    return "no" if "tflite_error" in row else "not run"


COLUMNS = {
    "prunable params": lambda row: f"{100 * row['prunable_params']:.0f} %",
    "prunable MACs": lambda row: f"{100 * row['prunable_macs']:.0f} %",
    "params": lambda row: f"{row['params'] / 1e6:.2f} M -> {row['params_after'] / 1e6:.2f} M",
    "MACs": lambda row: f"{row['macs'] / 1e6:,.1f} M -> {row['macs_after'] / 1e6:,.1f} M",
    "masked vs slim": lambda row: f"{row['difference']:.1e}",
    "at an odd size": lambda row: f"{row['odd_difference']:.1e}" if "odd_difference" in row else "",
    **{step: lambda row, step=step: f"{row[f'{step}_seconds']:.2f} s" for step in STEPS},
    "clone_model": lambda row: f"{row['clone_seconds']:.2f} s" if row["clone_seconds"] else "fails",
    "ratio": lambda row: f"{ours(row) / row['clone_seconds']:.2f}" if row["clone_seconds"] else "",
    "more memory / weights": lambda row: "" if row["memory"] is None else f"{row['memory']:.1f}",
    "TFLite vs Keras": lambda row: tflite(row),
}


def line(row: dict) -> str:
    if "error" in row:
        return f"{row['name']}: {row['error']}"
    return f"{row['name']}: " + ", ".join(f"{title} {show(row)}" for title, show in COLUMNS.items())


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    cells = ([row["name"], *(show(row) for show in COLUMNS.values())] for row in rows)
    return ["# Half the MACs", "", *summary(rows), "", *table(("network", *COLUMNS), cells)]


def summary(rows: list[dict]) -> list[str]:
    """What the table says in short: how many pass, and how the times compare with those of a clone."""
    found = [f"Times are medians of {ROUNDS} runs, in seconds of the processor. {measured_on(rows)}"]
    for title, names in (("keras.applications", APPLICATIONS), ("KerasHub", HUB)):
        part = [row for row in rows if row["name"] in names]
        if not part:
            continue
        passed = sum(max(row["difference"], row.get("odd_difference", 0)) <= TOLERANCE for row in part)
        text = f"{title}: {passed} of {len(names)} are within {TOLERANCE:g}"
        timed_rows = [row for row in part if row["clone_seconds"]]
        if timed_rows:
            ratios = [ours(row) / row["clone_seconds"] for row in timed_rows]
            total = sum(map(ours, timed_rows)) / sum(row["clone_seconds"] for row in timed_rows)
            text += (
                f"; trace + score + select + slim take {total:.2f} times as long as `clone_model` in sum, "
                f"at most {max(ratios):.2f} times"
            )
        found.append(f"{text}.")
    return found


if __name__ == "__main__":
    sys.exit(main())
