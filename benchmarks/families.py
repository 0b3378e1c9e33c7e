"""Halve the multiply-accumulates of every family of KIMM, and of every backbone and task of KerasHub.

    python -m benchmarks.families [--only Llama "Llama at 12" ...] [--groups text vision ...] [--export] [--again]

The models are small, with random weights. Text models are there twice, with the length of the sequence left open as
KerasHub builds them, and at a length of 12. Each row says which share of the multiply-accumulates is free, whether half
of them go, how far the slimmed model is from the masked one and how far it is after saving and loading, and for vision
and audio models how far the TFLite file is. The table grows with every run: what stands in it already, without an
error, is measured anew only with `--again`.
"""

import argparse
import gc
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import Results, about, arguments, measured_on, table
from benchmarks.hub_diffusion import DIFFUSION
from benchmarks.hub_tasks import TASKS, task
from benchmarks.hub_text import AUDIO, TEXT, text_backbone
from benchmarks.hub_vision import VISION
from benchmarks.kimm_families import KIMM, kimm_family
from benchmarks.networks import TOKENS, at_length

BUDGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TOLERANCE = 1e-4
LENGTHS = {"Moonshine": 2560}  # samples of sound, of which its first convolution takes 127 at once
NEEDED = {"keras_hub": "keras-hub", "kimm": "kimm"}


@dataclass(frozen=True)
class Case:
    """One model of the table.

    Attributes:
        name: In the table.
        group: Its kind, a heading of the table.
        build: Makes it; the argument is the module that it comes from.
        package: The module.
        exports: Whether it is a vision or audio model, which a device may run.
    """

    name: str
    group: str
    build: Callable
    package: str = "keras_hub"
    exports: bool = False


def cases() -> Iterator[Case]:
    """All models, in the order of the table."""
    for name in KIMM:
        yield Case(f"KIMM {name}", "KIMM", lambda kimm, name=name: kimm_family(kimm, name), "kimm", True)
    for name in TEXT:
        yield Case(name, "text", lambda hub, name=name: text_backbone(hub, name))
    for name in TEXT:
        yield Case(
            f"{name} at {TOKENS}", "text, fixed length", lambda hub, name=name: at_length(text_backbone(hub, name))
        )
    for name in AUDIO:
        length = LENGTHS.get(name, TOKENS)
        build = lambda hub, name=name, length=length: at_length(text_backbone(hub, name), length)  # noqa: E731
        yield Case(name, "audio", build, exports=True)
    for name, build in VISION.items():
        yield Case(name, "vision", build, exports=True)
    for name, build in DIFFUSION.items():
        yield Case(name, "diffusion", build)
    for name, kind in TASKS.items():
        yield Case(name, kind, lambda hub, name=name: task(hub, name))


CASES = {case.name: case for case in cases()}
GROUPS = tuple(dict.fromkeys(case.group for case in CASES.values()))


def main() -> int:
    parser = arguments(__doc__, seed=True, only=CASES)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help="these alone")
    parser.add_argument("--export", action="store_true", help="also export vision and audio models to TFLite")
    parser.add_argument("--again", action="store_true", help="measure what stands in the table, too")
    options = parser.parse_args()
    results = Results(options.output, "families")
    rows = {row["name"]: row for row in results.rows()}
    for name in options.only:
        case = CASES[name]
        known = name in rows and "error" not in rows[name]
        if case.group not in options.groups or known and not options.again:
            continue
        rows[name] = measured(case, options)
        print(line(rows[name]), flush=True)
        ordered = [rows[name] for name in CASES if name in rows]
        results.write({"rows": ordered}, lines(ordered))
    return 1 if any("error" in rows[name] for name in options.only if name in rows) else 0


def measured(case: Case, options: argparse.Namespace) -> dict:
    """The row of one model; with `error` where anything fails."""
    import keras

    row = {"name": case.name, "group": case.group}
    if importlib.util.find_spec(case.package) is None:
        raise SystemExit(f"{case.name} needs {case.package}: pip install {NEEDED[case.package]}")
    keras.backend.clear_session()
    gc.collect()
    try:
        return {**row, **measure(case, options), "seed": options.seed, **about()}
    except Exception as error:  # every kind is a finding
        text = " ".join(str(error).split())
        return {**row, "error": f"{type(error).__name__}: {text[:300]}", "seed": options.seed, **about()}


def measure(case: Case, options: argparse.Namespace) -> dict:
    """Everything about one model."""
    import keras

    import kerasprune as kp
    from benchmarks.weights import randomize

    keras.utils.set_random_seed(options.seed)
    model = case.build(importlib.import_module(case.package))
    randomize(model, np.random.default_rng(options.seed))
    start = time.process_time()
    graph = kp.trace(model)
    scores = kp.score(model, graph, "magnitude")
    keep, kept, why = reached(kp, graph, scores)
    small = kp.slim(model, graph, keep)
    seconds = time.process_time() - start
    everything_free_gone = np.where(graph.frozen, 1.0, 0.0)
    row = {
        "prunable_params": share(graph.params(everything_free_gone), graph.params()),
        "prunable_macs": share(graph.macs(everything_free_gone), graph.macs()),
        "params": graph.params(),
        "macs": graph.macs(),
        "macs_after": graph.macs(keep),
        "budget": kept,
        "unreachable": why,
        "left_alone": len(graph.declined),
        "seconds": seconds,
        "difference": kp.verify(model, graph, keep, small, seed=options.seed),
        "loaded_difference": loaded_difference(kp, model, graph, keep, small, options.seed),
    }
    return row | (exported(kp, small, graph, options.seed) if case.exports and options.export else {})


def share(least: float, whole: float) -> float:
    """What of the whole is above the least."""
    return 1 - least / whole if whole else 0.0


def reached(kp, graph, scores: np.ndarray) -> tuple[np.ndarray, float, str | None]:
    """What stays under the smallest of the budgets that can be reached, the budget, and why it is not half."""
    why = None
    for budget in BUDGETS:
        try:
            return kp.select(graph, scores, kp.Budget(flops=budget)), budget, why
        except kp.BudgetError as error:
            why = why or str(error)
    raise RuntimeError(why)


def loaded_difference(kp, model, graph, keep: np.ndarray, small, seed: int) -> float:
    """How far the slimmed model is from the masked one when it has been saved and loaded."""
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.keras"
        small.save(path)
        return kp.verify(model, graph, keep, keras.models.load_model(path), seed=seed)


def exported(kp, small, graph, seed: int) -> dict:
    """How far the TFLite file of the slimmed model is from it, or why there is none."""
    shapes = {tensor.name: shape[1:] for tensor, shape in zip(small.inputs, graph.input_shapes, strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = kp.export(small, Path(folder) / "small.tflite", "float32", input_shapes=shapes, seed=seed)
        except kp.ExportError as error:
            return {"tflite_error": " ".join(str(error).split())[:300]}
    return {"tflite_difference": result.max_difference}


def halved(row: dict) -> bool:
    """Whether half of the multiply-accumulates went, and the result is right."""
    differences = (row.get("difference", 1.0), row.get("loaded_difference", 1.0))
    return row.get("budget") == BUDGETS[0] and max(differences) <= TOLERANCE


def tflite(row: dict) -> str:
    if "tflite_difference" in row:
        return f"{row['tflite_difference']:.1e}"
    return "no" if "tflite_error" in row else ""


COLUMNS = {
    "prunable params": lambda row: f"{100 * row['prunable_params']:.0f} %",
    "prunable MACs": lambda row: f"{100 * row['prunable_macs']:.0f} %",
    "MACs": lambda row: f"{row['macs'] / 1e6:,.2f} M -> {row['macs_after'] / 1e6:,.2f} M",
    "half": lambda row: "yes" if halved(row) else "no",
    "left whole": lambda row: row["left_alone"],
    "masked vs slim": lambda row: f"{row['difference']:.1e}",
    "after loading": lambda row: f"{row['loaded_difference']:.1e}",
    "TFLite vs Keras": lambda row: tflite(row),
    "seconds": lambda row: f"{row['seconds']:.1f} s",
}


def line(row: dict) -> str:
    if "error" in row:
        return f"{row['name']}: {row['error']}"
    text = f"{row['name']}: " + ", ".join(f"{title} {show(row)}" for title, show in COLUMNS.items())
    return text if row["unreachable"] is None else f"{text}\n    {row['unreachable'][:600]}"


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    found = ["# Half the MACs of every family", "", measured_on(rows), ""]
    for group in GROUPS:
        part = [row for row in rows if row["group"] == group]
        if part:
            cells = ([row["name"], *cells_of(row)] for row in part)
            found += [f"## {heading(group, part)}", "", *table(("model", *COLUMNS), cells), ""]
    stopped = [f"- {row['name']}: {why}" for row in rows if (why := row.get("error") or row.get("unreachable"))]
    stopped += [f"- {row['name']}, TFLite: {row['tflite_error']}" for row in rows if "tflite_error" in row]
    return [*found, "## What stops the others", "", *stopped] if stopped else found[:-1]


def cells_of(row: dict) -> list[object]:
    if "error" in row:
        return ["fails", *[""] * (len(COLUMNS) - 1)]
    return [show(row) for show in COLUMNS.values()]


def heading(group: str, part: list[dict]) -> str:
    title = group if group.isupper() else f"KerasHub, {group}"
    whole = sum(case.group == group for case in CASES.values())
    left = f", {whole - len(part)} not measured yet" if len(part) < whole else ""
    return f"{title}: {sum(map(halved, part))} of {whole} at half the MACs{left}"


if __name__ == "__main__":
    sys.exit(main())
