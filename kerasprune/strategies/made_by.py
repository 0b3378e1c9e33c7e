"""What makes the result of a compression again, as the mapping that a plan reads."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from kerasprune.core.written import changed, written
from kerasprune.criteria import CRITERIA
from kerasprune.evidence import Sampling
from kerasprune.recoveries import RECOVERIES
from kerasprune.selection import Budget
from kerasprune.strategies.choice import Way
from kerasprune.strategies.rounds import Rounds
from kerasprune.strategies.strategy import STRATEGIES
from kerasprune.tflite.timing import Timing


def made_by(
    rounds: Rounds, way: Way, budget: Budget, sampling: Sampling, layout: str, train: Any = None
) -> dict[str, Any]:
    """The arguments of `compress`, what was chosen in the place of "auto", and the versions of what ran.

    Args:
        rounds: The rounds.
        way: Criterion, ranking and strategy that were taken.
        budget: The limits.
        sampling: The data as it was given.
        layout: As in `compress`.
        train: Likewise.
    """
    taught = False if rounds.distill is None else changed(rounds.distill)
    selection = {name: value for name, value in rounds.selection.items() if name != "ranking"}
    plan = {
        "budget": dict(budget.given),
        "criterion": written(way.criterion, CRITERIA),
        "ranking": written(way.ranking),
        "strategy": written(way.strategy, STRATEGIES),
        "recover": [written(each, RECOVERIES) for each in rounds.recover],
        **{name: written(value) for name, value in selection.items()},
        "loss": written(sampling.loss),
        "batch_size": sampling.batch_size,
        "limit": sampling.limit,
        "seed": sampling.seed,
        "verify": rounds.verify,
        "layout": layout,
        "train": written(train),
        "distill": None if train is None else taught,
        "versions": versions(),
    }
    return {name: value for name, value in plan.items() if value is not None}


def written_timing(latency: Any) -> Any:
    """The argument `latency` of `compress` as a plan has it."""
    return changed(latency) if isinstance(latency, Timing) else written(latency)


def versions() -> dict[str, str]:
    """What runs here, by the name of the package: this one, Keras, its backend and numpy."""
    found = {}
    for name in ("kerasprune", "keras", keras.backend.backend(), "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a build of another name, such as that of TensorFlow for another processor
            found[name] = "unknown"
    return found
