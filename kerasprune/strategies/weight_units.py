"""Rounds that take out single weights."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import keras
import numpy as np

from kerasprune.core import OptionError, Registry
from kerasprune.criteria import CRITERIA
from kerasprune.graph import Opened, compile_like, operations, plainly, trained_like
from kerasprune.report import Change, Step
from kerasprune.scheduled import ScheduledModel
from kerasprune.selection import Budget
from kerasprune.slimming import verify
from kerasprune.slimming.dead import without_dead
from kerasprune.sparse import FrozenWeights, Sparse, kernel_positions, sparsify, weights_left
from kerasprune.strategies.following import last_layers
from kerasprune.strategies.removable_units import UNITS, RemovableUnits, put_weights, weights_of
from kerasprune.strategies.rounds import Rounds, State

SCORES = Registry("score of single weights")
COUNTS = Registry("ranking of single weights")


class Kernel(NamedTuple):
    """A kernel whose entries can go: the path of its layer, its place among the weights there, and its shape."""

    path: str
    index: int
    shape: tuple[int, ...]


def kernels(model: keras.Model) -> list[Kernel]:
    """The kernels of a model, in the order of its weights.

    Raises:
        OptionError: It has none that is trainable.
    """
    found = operations(model)
    places = {id(w): (path, i) for path, op in found.items() for i, w in enumerate(getattr(op, "weights", ()))}
    variables = [model.weights[position] for position in kernel_positions(model)]
    if not variables:
        raise OptionError(f"{model.name!r} has no trainable kernels, so it has no weights that could go.")
    return [Kernel(*places[id(variable)], tuple(variable.shape)) for variable in variables]


@dataclass(frozen=True, eq=False)
class SparseState(State):
    """A model of the original shapes with zeros for what is gone.

    Attributes:
        keep: bool (weights of all kernels,).
    """

    keep: np.ndarray = None  # type: ignore[assignment]


@UNITS.register("weights")
class WeightUnits(RemovableUnits):
    """Single weights of kernels: what is left is a model with zeros, in the end without the neurons that have died."""

    def __init__(self, rounds: Rounds, budget: Budget, steps: int | None = None, output_rate: float = 1.0):
        self.base = rounds.opened.runs
        self.kernels = kernels(self.base.flat)
        self.ends = np.cumsum([math.prod(kernel.shape) for kernel in self.kernels]).tolist()
        self.size = self.ends[-1]
        self.in_the_end = weights_left(budget, self.base.flat, self.size)
        self.criterion, self.ranking = _name(rounds.criterion), _ranking(rounds)
        self.score, self.count = SCORES[self.criterion], COUNTS[self.ranking]
        super().__init__(rounds, budget, steps, output_rate)

    def share_left(self) -> float:
        return self.in_the_end / self.size

    def start(self) -> SparseState:
        state = self.rounds.start()
        keep = np.ones(self.size, bool)
        return SparseState(self.base.changed(self.base.copy()), state.origin, keep=keep)

    def kept(self, state: State) -> np.ndarray:
        assert isinstance(state, SparseState)
        return state.keep

    def values(self, state: State) -> np.ndarray:
        """The entries of all kernels one after the other: float (weights,)."""
        found = operations(state.opened.flat)
        arrays = (keras.ops.convert_to_numpy(found[kernel.path].weights[kernel.index]) for kernel in self.kernels)
        return np.concatenate([array.reshape(-1) for array in arrays])

    def put_values(self, model: keras.Model, values: np.ndarray) -> None:
        """Give a model of the whole size other entries of its kernels: float (weights,)."""
        found = operations(model)
        for kernel, ids in zip(self.kernels, self.groups(), strict=True):
            found[kernel.path].weights[kernel.index].assign(values[ids].reshape(kernel.shape))

    def select(self, state: State, step: int) -> np.ndarray:
        scores = self.score(self.values(state), np.random.default_rng(self.rounds.sampling.seed))
        return self.best(np.where(self.kept(state), scores, -np.inf), self.count(self, step))

    def best(self, scores: np.ndarray, counts: list[int] | int) -> np.ndarray:
        """The weights of the highest scores, so many of each kernel, or of all; one of every kernel stays.

        Args:
            scores: float (weights,), equal ones go by their place.
            counts: How many stay.
        """
        keep = np.zeros(self.size, bool)
        for number, ids in enumerate(self.groups()):
            count = counts[number] if isinstance(counts, list) else 1
            keep[ids[np.argsort(-scores[ids], kind="stable")[: max(count, 1)]]] = True
        if isinstance(counts, int):
            order = np.argsort(-np.where(keep, np.inf, scores), kind="stable")
            keep[order[: max(counts, len(self.kernels))]] = True
        return keep

    def cut(self, state: State, keep: np.ndarray) -> State:
        change = Change(self.size, int(np.count_nonzero(keep)))
        others = round(self.rounds.graph.params()) - self.size
        step = Step.of(self.rounds.graph, {"params": change.after + others}, change)
        return replace(self.at(state, keep, state.opened), steps=(*state.steps, step))

    def at(self, state: State, keep: np.ndarray, source: Opened) -> State:
        model = source.copy()
        put_weights(model, self._masked(weights_of(source.flat), keep))
        return replace(state, opened=self.base.changed(model), keep=keep)

    def model(self, state: State, l2: float = 0.0) -> keras.Model:
        """A new model to be trained, in which what is gone stays so.

        Args:
            state: What it is a model of.
            l2: See `FrozenWeights`.
        """
        model = sparsify(state.opened.flat, method="frozen", seed=self.rounds.sampling.seed, l2=l2)
        gates = sparse_layer(model).gates
        assert isinstance(gates, FrozenWeights)
        gates.hold(self.kept(state))
        return trained_like(model, self.base.flat, ScheduledModel)

    def train(self, state: State, **span: int) -> State:
        return self.trained(state, self.model(state), **span)

    def trained(self, state: State, model: keras.Model, **span: int) -> State:
        """Let the user train a model that `model` has made."""
        if self.rounds.trainer is None:
            return state
        trained = self.rounds.trained(model, **span)
        weights, plain = weights_of(plainly(trained).model), self.base.copy()
        compile_like(plain, trained)
        put_weights(plain, self._masked(weights, self.kept(state)))
        return replace(state, opened=self.base.changed(plain))

    def groups(self) -> list[np.ndarray]:
        return np.split(np.arange(self.size), self.ends[:-1])

    def finish(self, state: State) -> State:
        """The plain model without the neurons that have died."""
        plain = self.rounds.opened.back(state.opened.flat)
        opened = self.rounds.opened.changed(plain)
        alive = without_dead(opened)
        model = trained_like(alive.model, plain)
        small = self.rounds.opened.after(alive.keep, model)
        arrays = model.get_weights()
        left = sum(int(np.count_nonzero(arrays[position])) for position in kernel_positions(model))
        step = Step.of(small.graph, state.steps[-1].target, Change(self.size, left))
        if self.rounds.verify:
            step = replace(step, difference=verify(plain, small=model, inputs=self.rounds.samples(opened)))
        return State(small, np.flatnonzero(alive.keep), (*state.steps[:-1], step))

    def _masked(self, weights, keep: np.ndarray) -> dict[str, list[np.ndarray]]:
        """Weights of the whole model with zeros for what is not kept."""
        weights = {path: list(values) for path, values in weights.items()}
        for kernel, ids in zip(self.kernels, self.groups(), strict=True):
            weights[kernel.path][kernel.index] = weights[kernel.path][kernel.index] * keep[ids].reshape(kernel.shape)
        return weights


def sparse_layer(model: keras.Model) -> Sparse:
    """The layer of a model from `sparsify` that holds all the others."""
    return next(layer for layer in model.layers if isinstance(layer, Sparse))


@SCORES.register("magnitude")
def magnitude(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far a weight is from zero."""
    return np.abs(values)


@SCORES.register("random")
def at_random(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise, the same in every round."""
    return rng.random(values.shape)


@COUNTS.register("global")
def over_all(units: WeightUnits, step: int) -> int:
    """How many weights stay of all kernels together after a round, each of which takes the same share."""
    return units.in_the_end if step == units.steps else round(units.size * units.share_left() ** (step / units.steps))


@COUNTS.register("per_layer")
def of_each(units: WeightUnits, step: int) -> list[int]:
    """How many weights stay of each kernel after a round: a round takes the same share of all but the last layers."""
    last = last_layers(units.base)
    slower = np.array([units.output_rate if kernel.path in last else 1.0 for kernel in units.kernels])
    sizes = np.diff([0, *units.ends])
    low, high = 0.0, 1.0
    for _ in range(60):  # the rate at which the budget is met in the last round
        rate = (low + high) / 2
        enough = np.maximum(np.floor(sizes * (1 - rate * slower) ** units.steps + 1e-6), 1).sum() <= units.in_the_end
        low, high = (low, rate) if enough else (rate, high)
    return np.maximum(np.floor(sizes * (1 - high * slower) ** step + 1e-6), 1).astype(int).tolist()


def _name(criterion) -> str:
    """The name of a criterion, of which single weights know a few."""
    if isinstance(criterion, str):
        return criterion
    kinds = ((name, kind) for name, kind in CRITERIA.items() if isinstance(kind, type))
    return next((name for name, kind in kinds if isinstance(criterion, kind)), str(criterion))


def _ranking(rounds: Rounds) -> str:
    """Where single weights compete; the other options of `select` are about channels."""
    options = {"ranking": "global", "round_to": 1, "min_width": 1} | dict(rounds.selection)
    ranking = options.pop("ranking")
    given = {name: value for name, value in options.items() if value and value != 1}
    given |= {"recover": ", ".join(map(str, rounds.recover))} if rounds.recover else {}
    if given:
        words = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise OptionError(
            "Where single weights go, no channel is cut or repaired, so of the options of `compress` about channels "
            f"only `ranking` can be chosen. Received: {words}."
        )
    return ranking
