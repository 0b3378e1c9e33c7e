"""What was claimed about the tasks of `benchmarks.shrinking_experiments`, and what our numbers say to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

FLAT = 0.015  # of the error without hidden neurons: what was published as flat
POINT = 1.0  # of accuracy: what counts as a significant drop
# The published errors at the start and at the lowest, and the percent removed at which the start is reached again.
_DIGITS = (("digit_0", "2756 to 2082", 75), ("digit_1", "2132 to 1437", 80), ("digit_2", "5651 to 3551", 90))


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
    """Percent of the neurons that can go, in the order of a criterion, before what is lost counts."""
    curve = task["curves"][criterion]
    if name in ("diamond", "random_shape"):
        good = np.array(curve["accuracy"]) >= curve["accuracy"][0] - POINT
    else:
        error = np.array(curve["error"])
        good = error <= (error[0] if name.startswith("digit") else FLAT * task["nothing_left"])
    if name.startswith("digit"):  # the error may rise for a moment and fall again
        return 100 * float(np.flatnonzero(good)[-1]) / task["neurons"]
    return 100 * float(len(good) if good.all() else np.argmin(good) - 1) / task["neurons"]


def _cosine(tasks: Mapping[str, dict]) -> Iterator[Claim]:
    if "cosine_50" in tasks:
        task = tasks["cosine_50"]
        share = task["curves"]["oracle"]["error"][90] / task["nothing_left"]
        yield Claim(
            "cosine, 100 neurons: flat until 90 % are gone",
            "error at 90 %: 1.5 % of that without neurons",
            f"{100 * share:.2g} %",
            share <= FLAT,
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
        f"{name}: neurons removable without significant drop (1 point)",
        f"{published} %",
        f"{share:.0f} %",
        share >= published,
    )


def _digit(name: str, task: dict, lowest: str, until: int) -> Iterator[Claim]:
    error = np.array(task["curves"]["oracle"]["error"])
    place = int(error.argmin())
    yield Claim(
        f"{name}: brute force lowers the error before it raises it",
        lowest,
        f"{error[0]:.4g} to {error[place]:.4g}, with {100 * place / task['neurons']:.0f} % removed",
        place > 0 and error[place] < error[0],
    )
    share = removable(name, task, "oracle")
    yield Claim(
        f"{name}: no worse than at the start until 60 % or more are gone",
        f"about {until} %",
        f"{share:.0f} %",
        share >= 60,
    )
