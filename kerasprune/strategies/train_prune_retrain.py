"""Remove the weights below a threshold of each layer, retrain the others from where they are, and so on."""

import fnmatch
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from kerasprune.core import BudgetError, OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.graph import operations
from kerasprune.selection import Budget
from kerasprune.strategies.following import readers
from kerasprune.strategies.journal import Journal, identity
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.seeds import fix_seeds
from kerasprune.strategies.sensitivity import of_weights
from kerasprune.strategies.strategy import strategy
from kerasprune.strategies.weight_units import WeightUnits, sparse_layer

POINTS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02)  # shares of a kernel that the scan keeps
LEAST = 1 / 32  # of the thresholds that it finds


@dataclass(frozen=True)
class Thresholds:
    """The record of `TrainPruneRetrain`.

    Attributes:
        qualities: The threshold of a kernel in standard deviations of its weights, by the path of its layer.
        left: The weights that were left of each kernel after every round.
    """

    qualities: Mapping[str, float]
    left: tuple[tuple[int, ...], ...]


@strategy("train_prune_retrain")
@dataclass(frozen=True)
class TrainPruneRetrain:
    """Remove single weights below a threshold of each layer, and retrain the others from where they are.

    The model that is given is trained; `train` retrains it, with a rate that is a tenth of the first one or less. It
    gets a model whose zeros stay zero. In the end neurons that have died are taken out, and the plain model is left. A
    weight is ranked by `|w| / (quality * deviation)`, the deviation that of the weights of its kernel that are left;
    so the thresholds of all layers rise together until a round has removed what it has to. Before every training the
    seeds of Python, numpy and the backend are set, as in `LotteryTicket`.

    Args:
        steps: Number of rounds, or how many there are at most where `quality` is given.
        schedule: How the number of weights falls, where `quality` is None: "geometric", "linear" or "cubic".
        quality: The threshold in standard deviations: a number, or for each pattern (`fnmatch`) over the paths of
            layers one, of which the last that matches counts. A round then removes what is below, until the budget is
            met. None finds one for each layer with `sensitivity`, on the data, and lets the budget say the rest.
        tolerance: In that case the damage that a threshold may do to the loss of the model, which is not retrained, as
            a share of what it does to set the whole layer to zero.
        l2: Factor of the sum of the squares of the weights that are left, in the loss while `train` runs.
        path: An `.npz` file in which the run is kept after every round. If it exists, the run goes on from there.

    Raises:
        OptionError: An option is out of range.
        BudgetError: The thresholds that are given do not get there.

    Reference:
        Han, Pool, Tran and Dally, Learning both Weights and Connections for Efficient Neural Networks, NeurIPS 2015;
        while retraining, the rate of a Dropout is that of before times `sqrt(left / all)` of the weights that read it.

    Example:

    >>> retrain = TrainPruneRetrain(steps=2, quality=1.0)
    >>> compress(dense, Budget(params=0.7), strategy=retrain, train=fit).report.steps[-1].weights.before
    35
    """

    steps: int = 5
    schedule: str = "geometric"
    quality: float | Mapping[str, float] | None = None
    tolerance: float = 0.01
    l2: float = 0.0
    path: str | os.PathLike | None = None

    defaults: ClassVar[Mapping[str, Any]] = {"criterion": "magnitude", "recover": (), "round_to": 1}

    def __post_init__(self):
        SCHEDULES[self.schedule]
        if not isinstance(self.steps, int) or self.steps < 1:
            raise OptionError(f"`steps` must be a whole number of at least 1. Received: steps={self.steps!r}.")
        given = self.quality.values() if isinstance(self.quality, Mapping) else [self.quality]
        if any(value is not None and not value > 0 for value in given):
            raise OptionError(f"`quality` must be above 0. Received: quality={self.quality!r}.")
        if not self.tolerance > 0 or not self.l2 >= 0:
            raise OptionError(
                "`tolerance` must be above 0 and `l2` at least 0. "
                f"Received: tolerance={self.tolerance!r}, l2={self.l2!r}."
            )

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in ("steps", "schedule", "quality", "tolerance", "l2")}
        return f"TrainPruneRetrain({', '.join(f'{key}={value!r}' for key, value in given.items())})"

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        retraining = _Retraining(self, rounds, budget)
        done = retraining.begin()
        while not retraining.is_over(done):
            done = retraining.go_on(done)
            retraining.journal.write(*retraining.packed(done))
        record = Thresholds(done.qualities, done.left)
        return replace(retraining.units.finish(done.state), record=record)


@dataclass(frozen=True, eq=False)
class _Done:
    """How far a run has come."""

    state: State
    qualities: Mapping[str, float]
    left: tuple[tuple[int, ...], ...] = ()


class _Retraining:
    """One run of `TrainPruneRetrain`."""

    def __init__(self, options: TrainPruneRetrain, rounds: Rounds, budget: Budget):
        self.options, self.rounds = options, rounds
        self.units = WeightUnits(rounds, budget, options.steps)
        if (self.units.criterion, self.units.ranking) != ("magnitude", "global"):
            raise OptionError(
                "'train_prune_retrain' ranks all weights by magnitude over a threshold of their layer. Leave criterion "
                f"and ranking out. Received: criterion={self.units.criterion!r}, ranking={self.units.ranking!r}."
            )
        self.journal = Journal(options.path, {"options": str(options), "budget": str(budget), **identity(rounds)})

    def begin(self) -> _Done:
        """The whole model, or where an interrupted run has come to."""
        read = self.journal.read()
        if read is None:
            start = self.units.start()
            return _Done(start, self._qualities(start))
        content, arrays = read
        left = tuple(map(tuple, content["left"]))
        return _Done(self.units.unpacked(content, arrays), content["qualities"], left)

    def is_over(self, done: _Done) -> bool:
        left = self.units.left(done.state)
        if left <= self.units.in_the_end and done.left:
            return True
        if len(done.left) < self.options.steps:
            return False
        raise BudgetError(
            f"After {self.options.steps} rounds {left:,} weights are left where the budget allows "
            f"{self.units.in_the_end:,}: thresholds of quality={self.options.quality!r} remove too little. Raise it, "
            "give more `steps`, or leave it out."
        )

    def go_on(self, done: _Done) -> _Done:
        """One round."""
        keep = self.select(done)
        state = self.units.cut(done.state, keep)
        fix_seeds(self.rounds.sampling.seed, len(done.left))
        model = self.units.model(state, self.options.l2)
        self._lower_dropout(model, keep)
        state = self.units.trained(state, model)
        left = tuple(int(np.count_nonzero(keep[ids])) for ids in self.units.groups())
        return replace(done, state=state, left=(*done.left, left))

    def select(self, done: _Done) -> np.ndarray:
        """What stays in this round: bool (weights,)."""
        values = self.units.values(done.state)
        scores = np.full(self.units.size, -np.inf)
        for kernel, ids in zip(self.units.kernels, self.units.groups(), strict=True):
            scores[ids] = np.abs(values[ids]) / (done.qualities[kernel.path] * spread(values[ids]))
        keep = self.units.kept(done.state)
        scores = np.where(keep, scores, -np.inf)
        if self.options.quality is not None:
            count = int(np.count_nonzero(scores >= 1))
        else:
            progress = (len(done.left) + 1) / self.options.steps
            count = round(self.units.size * SCHEDULES[self.options.schedule](self.units.share_left(), progress))
        return keep & self.units.best(scores, max(count, self.units.in_the_end))

    def packed(self, done: _Done) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the journal holds."""
        content, arrays = self.units.packed(done.state)
        return {**content, "qualities": dict(done.qualities), "left": done.left}, arrays

    def _qualities(self, state: State) -> dict[str, float]:
        given = self.options.quality
        if given is None:
            return self._scanned(state)
        patterns = given if isinstance(given, Mapping) else {"*": given}
        paths = [kernel.path for kernel in self.units.kernels]
        matching = {
            path: [value for pattern, value in patterns.items() if fnmatch.fnmatch(path, pattern)] for path in paths
        }
        without = [path for path, values in matching.items() if not values]
        if without:
            raise OptionError(
                f"No pattern of `quality` matches {', '.join(without)}. Add '*' as the first one. "
                f"Received: quality={given!r}."
            )
        return {path: float(values[-1]) for path, values in matching.items()}

    def _scanned(self, state: State) -> dict[str, float]:
        """The threshold below which a layer, cut alone and not retrained, does no more than the tolerable damage."""
        curves = of_weights(state.opened, self.rounds.sampling, None, (*POINTS, 0.0)).curves
        found: dict[str, float] = {}
        for kernel, curve, ids in zip(self.units.kernels, curves, self.units.groups(), strict=True):
            values = self.units.values(state)[ids]
            rises = np.array(curve.loss) - curve.loss[0]
            too_far = int(np.argmax(rises > self.options.tolerance * max(rises[-1], 1e-12)))
            threshold = np.sort(np.abs(values))[-max(curve.kept[too_far - 1], 1)] / spread(values)
            found[kernel.path] = max(min(float(threshold), found.get(kernel.path, np.inf)), LEAST)
        return found

    def _lower_dropout(self, model: keras.Model, keep: np.ndarray) -> None:
        """Give the Dropouts of a model that is to be trained the rates that go with what is left."""
        shares = {
            kernel.path: (int(np.count_nonzero(keep[ids])), len(ids))
            for kernel, ids in zip(self.units.kernels, self.units.groups(), strict=True)
        }
        for path, layer in operations(sparse_layer(model).layer).items():
            read = readers(self.units.base, path) if isinstance(layer, keras.layers.Dropout) else set()
            if read:
                left, whole = (sum(shares[reader][place] for reader in read) for place in (0, 1))
                layer.rate = layer.rate * math.sqrt(left / whole)


def spread(values: np.ndarray) -> float:
    """The standard deviation of the weights that are not zero; 1 where that says nothing."""
    return float(values[values != 0].std()) if np.count_nonzero(values) > 1 else 1.0
