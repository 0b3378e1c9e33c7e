"""What a model remembers from call to call, as inputs and outputs of its file."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.graph import layers_inside
from kerasprune.tflite.signature import InputSpec, distinct

_SEED = "seed_generator_state"


@dataclass(frozen=True, eq=False)
class States:
    """The variables that a model changes at inference, such as the state of a recurrent layer with `stateful=True`.

    The seeds of layers that are random in training are none: nothing that is inferred depends on them.

    Attributes:
        variables: The variables.
        names: What they are called in the file.
    """

    variables: tuple[keras.Variable, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: keras.Model, specs: Sequence[InputSpec]) -> "States":
        """The states of a model, found by calling it once; its variables stay as they are."""
        known = list(_candidates(model))
        if not known:
            return cls()
        sizes = [tensor.shape[0] or spec.shape[0] or 1 for tensor, spec in zip(model.inputs, specs, strict=True)]
        # Only the batch axis of a specification can be open.
        zeros = [np.zeros((n, *spec.shape[1:]), spec.dtype) for n, spec in zip(sizes, specs, strict=True)]  # type: ignore[type-var]
        with keras.StatelessScope() as scope:
            model(as_called(model, zeros), training=False)
        changed = tuple(variable for variable in known if scope.get_current_value(variable) is not None)
        names = [variable.path.replace("/", "_") for variable in changed]
        return cls(changed, tuple(distinct([*(spec.name for spec in specs), *names])[len(specs) :]))

    @property
    def specs(self) -> tuple[InputSpec, ...]:
        """The inputs of the file that hold the states."""
        return tuple(
            InputSpec(name, tuple(variable.shape), keras.backend.standardize_dtype(variable.dtype))
            for name, variable in zip(self.names, self.variables, strict=True)
        )

    def call(self, model: keras.Model, tensors: Sequence[Any]) -> list:
        """The flat outputs of the model in inference mode and its next states, for flat inputs and states."""
        count = len(model.inputs)
        mapping = list(zip(self.variables, tensors[count:], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = model(as_called(model, tensors[:count]), training=False)
            return [*keras.tree.flatten(outputs), *(scope.get_current_value(variable) for variable in self.variables)]

    def samples(self, model: keras.Model, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The arrays, and for each state one of what it is when these samples come one call after the other."""
        if not self.variables:
            return list(arrays)
        size = self.variables[0].shape[0]
        count = max(len(arrays[0]) // size, 1) * size
        arrays = [np.resize(array, (count, *array.shape[1:])) for array in arrays]
        states = [keras.ops.convert_to_numpy(variable) for variable in self.variables]
        seen = []
        for start in range(0, count, size):
            seen.append(states)
            results = self.call(model, [*(array[start : start + size] for array in arrays), *states])
            states = [keras.ops.convert_to_numpy(state) for state in results[-len(states) :]]
        return [*arrays, *(np.concatenate(each) for each in zip(*seen, strict=True))]

    def outputs(self, model: keras.Model, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The flat outputs of the model and its next states, in float64, for any number of samples."""
        entries = max(sum(array[0].size for array in arrays), 1)
        size = self.variables[0].shape[0] if self.variables else max(min(_AT_ONCE, _ENTRIES // entries), 1)
        pieces = [
            self.call(model, [array[start : start + size] for array in arrays])
            for start in range(0, len(arrays[0]), size)
        ]
        found = [[keras.ops.convert_to_numpy(each).astype("float64") for each in piece] for piece in pieces]
        return [np.concatenate(each) for each in zip(*found, strict=True)]


# Samples, and numbers in them, that Keras computes together: it holds every activation of them.
_AT_ONCE = 16
_ENTRIES = 2**21


def as_called(model: keras.Model, flat: Sequence[Any]) -> Any:
    """Flat inputs in the structure that the model is called with."""
    return keras.tree.pack_sequence_as(getattr(model, "input", model.inputs[0]), list(flat))


def _candidates(model: keras.Model) -> Iterator[keras.Variable]:
    """The variables that a call at inference may change: no weights that are learned, no statistics, no seeds."""
    layers = layers_inside(model)
    known = {
        id(weight) for layer in layers if isinstance(layer, keras.layers.BatchNormalization) for weight in layer.weights
    }
    held = [keras.tree.flatten(getattr(layer, "states", None) or []) for layer in layers]
    for variable in [*model.non_trainable_variables, *itertools.chain(*held)]:
        if isinstance(variable, keras.Variable) and variable.name != _SEED and id(variable) not in known:
            known.add(id(variable))
            yield variable
