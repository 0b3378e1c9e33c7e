"""Claims, tables and the figure of `benchmarks.shrinking_experiments`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import measured_on, table
from benchmarks.shrinking_tasks import TASKS

CRITERIA = ("oracle", "gauss_newton", "quadratic", "linear")
SHARES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)
FLAT = 37.7  # the error of the cosine that was published as flat; the best constant has 97
POINT = 1.0  # of accuracy: what counts as a significant drop
# The published errors at the start and at the lowest, and the percent removed at which the start is reached again.
_DIGITS = (("digit_0", "2756 to 2082", 75), ("digit_1", "2132 to 1437", 80), ("digit_2", "5651 to 3551", 90))

_ABOUT = """Ranked anew after every removal, unless it says otherwise, on all training samples. `error` is half the sum
of their squared errors, scaled to as many samples as published; `accuracy` is that on the test samples, in percent."""
_REMOVABLE = """Percent of the neurons that can go until what is lost counts for good: the error stays above that of the
start (digits) or above 37.7 (cosine; the best constant has 97), or the accuracy stays a point lower (shapes)."""


@dataclass(frozen=True)
class Claim:
    """A claim, what was published, what we find, and whether that supports it."""

    words: str
    published: str
    ours: str
    holds: bool


def claims(tasks: Mapping[str, dict]) -> Iterator[Claim]:
    """The claims about the tasks that have been run with the criterion "oracle"."""
    tasks = {name: task for name, task in tasks.items() if "oracle" in task["curves"]}
    yield from _cosine(tasks)
    for name, published in (("diamond", 48), ("random_shape", 38)):
        if name in tasks:
            yield _shape(name, tasks[name], published)
    for name, change, until in _DIGITS:
        if name in tasks:
            yield from _digit(name, tasks[name], change, until)


def removable(name: str, task: dict, criterion: str) -> float:
    """Percent of the neurons that can go, in the order of a criterion, until what is lost counts for good."""
    curve = task["curves"][criterion]
    if name in ("diamond", "random_shape"):
        good = np.array(curve["accuracy"]) >= curve["accuracy"][0] - POINT
    else:
        error = np.array(curve["error"])
        good = error <= (error[0] if name.startswith("digit") else FLAT)
    return 100 * float(np.flatnonzero(good)[-1]) / task["neurons"]


def _cosine(tasks: Mapping[str, dict]) -> Iterator[Claim]:
    if "cosine_50" in tasks:
        task = tasks["cosine_50"]
        error = task["curves"]["oracle"]["error"][90]
        yield Claim(
            "cosine, 100 neurons: flat until 90 % are gone",
            "error 37.7 at 90 %",
            f"error {error:.4g} at 90 %",
            error <= FLAT,
        )
    if {"cosine_10", "cosine_50"} <= set(tasks):
        used = [
            round(tasks[name]["neurons"] * (1 - removable(name, tasks[name], "oracle") / 100))
            for name in ("cosine_10", "cosine_50")
        ]
        yield Claim(
            "cosine: as many neurons are used, whatever the width",
            "10 or 11 of 20 and of 100",
            f"{used[0]} of 20, {used[1]} of 100",
            abs(used[0] - used[1]) <= 3,
        )


def _shape(name: str, task: dict, published: int) -> Claim:
    share = removable(name, task, "oracle")
    return Claim(
        f"{name}: neurons removable without significant drop (1 point; at least nine tenths of the published number)",
        f"{published} %",
        f"{share:.0f} %",
        share >= 0.9 * published,
    )


def _digit(name: str, task: dict, lowest: str, until: int) -> Iterator[Claim]:
    error = np.array(task["curves"]["oracle"]["error"])
    place = int(error.argmin())
    yield Claim(
        f"{name}: brute force lowers the error before it raises it",
        lowest,
        f"{error[0]:.4g} to {error[place]:.4g}, with {100 * place / task['neurons']:.0f} % removed",
        bool(error[place] < error[0]),
    )
    share = removable(name, task, "oracle")
    yield Claim(
        f"{name}: no worse than at the start until 60 % or more are gone",
        f"about {until} %",
        f"{share:.0f} %",
        share >= 60,
    )


def lines(results: dict) -> list[str]:
    """Markdown: what becomes of the claims, and our curves beside the published ones."""
    tasks = results["tasks"]
    judged = [(claim.words, claim.published, claim.ours, "yes" if claim.holds else "**no**") for claim in claims(tasks)]
    shares = [
        (name, *(f"{removable(name, task, key):.0f}" if key in task["curves"] else "" for key in CRITERIA))
        for name, task in tasks.items()
    ]
    return [
        "# Neurons removed one at a time, without training: networks trained from scratch",
        "",
        _ABOUT,
        f"Seed {results['seed']}. {measured_on(tasks.values())}",
        "",
        "## Claims",
        "",
        *table(("claim", "published", "ours", "holds"), judged),
        "",
        _REMOVABLE,
        "",
        *table(("task", *CRITERIA), shares),
        *(line for name, task in tasks.items() for line in _section(name, task)),
    ]


def _section(name: str, result: dict) -> list[str]:
    """One task: a row per curve."""
    task, curves = TASKS[name], result["curves"]
    about = (
        f"{result['samples']:,} training and {result['test_samples']:,} test samples; "
        f"error without hidden neurons {result['nothing_left']:.4g}."
    )
    if task.start is not None:
        ours = next(iter(curves.values()))["accuracy"][0]
        about += f" Test accuracy of the whole network: {ours:.2f} %, published {task.start:.2f} %."
    lines = ["", f"## {task.title} (`{name}`)", "", about, ""]
    rows = [(task.measure, "brute force, published", *_cells(task.published))]
    for measure in ("error", "accuracy"):
        for key, curve in curves.items():
            if curve[measure] is not None:
                at = {share: round(share * result["neurons"] / 100) for share in SHARES}
                values = {share: curve[measure][place] for share, place in at.items() if place < len(curve[measure])}
                rows.append((measure, key, *_cells(values)))
    return [*lines, *table(("measure", "ranked by", *(f"{share} %" for share in SHARES)), rows)]


def _cells(values: Mapping[float, float]) -> list[str]:
    """Cells for the shares; empty where there is no value."""
    return [f"{values[share]:.4g}" if share in values else "" for share in SHARES]


def draw(tasks: Mapping[str, dict], path: str | os.PathLike) -> None:
    """Error or accuracy over the share of neurons removed, criteria side by side, published brute force as crosses.

    Args:
        tasks: The results by task.
        path: The picture.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = min(len(tasks), 4)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.1 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (name, task) in zip(panels, tasks.items(), strict=False):
        measure = TASKS[name].measure
        for number, criterion in reversed(list(enumerate(CRITERIA))):  # the oracle lies above the others
            if criterion in task["curves"]:
                values = task["curves"][criterion][measure]
                shares = [100 * place / task["neurons"] for place in range(len(values))]
                axes.plot(shares, values, color=f"C{number}", label=criterion, linewidth=1.2)
        axes.plot(*zip(*TASKS[name].published.items(), strict=True), "kx", label="brute force, published")
        axes.set(title=TASKS[name].title, xlabel="neurons removed (%)", ylabel=measure)
        axes.set_yscale("log" if measure == "error" else "linear")
        axes.grid(alpha=0.3)
    for axes in panels[len(tasks) :]:
        axes.axis("off")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=70)
