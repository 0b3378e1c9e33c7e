"""What strategies remove that go back to earlier weights: whole channels, or single weights."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import Registry
from kerasprune.graph import Opened, operations
from kerasprune.report import Step
from kerasprune.selection import Budget
from kerasprune.strategies.rounds import Rounds, State

UNITS = Registry("unit of pruning")

# By the path of a layer, its weights.
Weights = Mapping[str, list[np.ndarray]]


class RemovableUnits(ABC):
    """The steps of a round for one kind of what can be removed, each from a `State` to the next one.

    Args:
        rounds: The rounds of the compression.
        budget: What shall be left in the end.
        steps: Number of rounds; None for as many as it takes if each removes a fifth of what is left.
        output_rate: The share of the rate of other layers at which the last ones lose weights, where layers lose
            theirs each by itself.
    """

    base: Opened  # the original model, as rounds run it

    def __init__(self, rounds: Rounds, budget: Budget, steps: int | None = None, output_rate: float = 1.0):
        self.rounds, self.budget, self.output_rate = rounds, budget, output_rate
        self.steps = steps or max(math.ceil(math.log(self.share_left()) / math.log(0.8) - 1e-9), 1)

    @abstractmethod
    def share_left(self) -> float:
        """The share that the budget leaves in the end, in (0, 1]."""

    @abstractmethod
    def start(self) -> State:
        """The original model, untouched."""

    @abstractmethod
    def kept(self, state: State) -> np.ndarray:
        """What is left of all units: bool (units,)."""

    @abstractmethod
    def select(self, state: State, step: int) -> np.ndarray:
        """What stays after the round of this number, counted from 1: bool (units,)."""

    @abstractmethod
    def cut(self, state: State, keep: np.ndarray) -> State:
        """Take out what is not kept."""

    @abstractmethod
    def at(self, state: State, keep: np.ndarray, source: Opened) -> State:
        """The model without what is not kept, with the weights that `source`, a model of the whole size, has."""

    @abstractmethod
    def model(self, state: State) -> keras.Model:
        """A new model to be trained, in which what is gone stays so."""

    @abstractmethod
    def train(self, state: State, **span: int) -> State:
        """Let the user train a new model."""

    @abstractmethod
    def groups(self) -> list[np.ndarray]:
        """The numbers of the units of every layer or group: int (units,) each."""

    def finish(self, state: State) -> State:
        """What the user gets, of stock layers."""
        return state

    def left(self, state: State) -> int:
        """How many units are left."""
        return int(np.count_nonzero(self.kept(state)))

    def source(self, weights: Weights) -> Opened:
        """The original model with other weights."""
        model = self.base.copy()
        put_weights(model, weights)
        return self.base.changed(model)

    def packed(self, state: State) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A state as JSON can hold it, and as arrays."""
        arrays = named_arrays("weights", weights_of(state.opened.flat))
        return {"steps": [asdict(step) for step in state.steps]}, {"keep": self.kept(state), **arrays}

    def unpacked(self, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> State:
        """The state that was packed."""
        state = self.at(self.start(), arrays["keep"], self.base)
        put_weights(state.opened.flat, weights_named("weights", arrays))
        return replace(state, steps=tuple(map(Step.from_dict, content["steps"])))


def weights_of(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """The weights of a model, by the path of a layer."""
    return {
        path: [np.array(keras.ops.convert_to_numpy(weight)) for weight in layer.weights]
        for path, layer in operations(model).items()
        if getattr(layer, "weights", ())
    }


def put_weights(model: keras.Model, weights: Weights) -> None:
    """Give a model weights of its shapes."""
    found = operations(model)
    for path, values in weights.items():
        for variable, value in zip(found[path].weights, values, strict=True):
            variable.assign(value)


def named_arrays(prefix: str, weights: Weights) -> dict[str, np.ndarray]:
    """Weights with one name for each array; `weights_named` is the way back."""
    return {f"{prefix}#{path}#{index}": value for path, values in weights.items() for index, value in enumerate(values)}


def weights_named(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """The weights among arrays of which `named_arrays` made the names with this prefix; empty if there are none."""
    found: dict[str, list[np.ndarray]] = {}
    for name, value in arrays.items():  # in the order in which they were written
        if name.startswith(f"{prefix}#"):
            found.setdefault(name.removeprefix(f"{prefix}#").rpartition("#")[0], []).append(value)
    return found
