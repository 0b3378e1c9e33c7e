"""Tensors that a layer makes of sizes alone in its `call`, recorded in place of the constants that they would be."""

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerasprune.graph.at_sizes import FUNCTIONS, OF_TENSOR

# What these functions take, in the order in which they take it.
_MAKERS = FUNCTIONS.keys() - OF_TENSOR - {"banded", "constant"}
_TAKEN = {name: list(inspect.signature(FUNCTIONS[name]).parameters) for name in _MAKERS}
_LARGEST = 1 << 16
_SMALLEST = 2  # a single entry is as good a constant


class Creation(keras.Operation):
    """One call of a function that makes a tensor of numbers.

    Args:
        function: Its name in `FUNCTIONS`.
        settings: Its arguments by their names.
    """

    def __init__(self, function: str, settings: dict[str, Any]):
        super().__init__()
        self.function = function
        self.settings = settings

    def call(self):
        return FUNCTIONS[self.function](**self.settings)

    def compute_output_spec(self):
        made = self.call()
        return keras.KerasTensor(made.shape, dtype=keras.backend.standardize_dtype(made.dtype))


def constant_tensor(value) -> keras.KerasTensor:
    """A symbolic tensor, made by a `Creation`, for an array or a tensor of numbers."""
    array = keras.ops.convert_to_numpy(value)
    dtype = keras.backend.standardize_dtype(array.dtype)
    settings = {"values": array.reshape(-1).tolist(), "shape": list(array.shape), "dtype": dtype}
    return Creation("constant", settings).symbolic_call()


def is_constant(value: object) -> bool:
    """Whether this is an array or a tensor of numbers, of which there are not too many to be written down."""
    shape = getattr(value, "shape", None)
    if shape is None or not hasattr(value, "dtype") or isinstance(value, (keras.KerasTensor, keras.Variable)):
        return False
    if None in tuple(shape) or math.prod(shape) > _LARGEST:
        return False
    try:
        keras.ops.convert_to_numpy(value)
    except Exception:  # a tensor of a graph that a backend is tracing
        return False
    return True


@contextlib.contextmanager
def recorded_creations() -> Iterator[None]:
    """Within the block `keras.ops.arange` and its like give symbolic tensors, made by a `Creation`."""
    before = {name: getattr(keras.ops, name) for name in _TAKEN}
    try:
        for name, function in before.items():
            setattr(keras.ops, name, _recording(name, function))
        yield
    finally:
        for name, function in before.items():
            setattr(keras.ops, name, function)


def _recording(name: str, function: Callable) -> Callable:
    def record(*args, **kwargs):
        settings = dict(zip(_TAKEN[name], args, strict=False)) | kwargs
        if not all(map(_is_plain, keras.tree.flatten(settings))):
            return function(*args, **kwargs)
        creation = Creation(name, settings)
        made = creation.compute_output_spec()
        return creation.symbolic_call() if math.prod(made.shape) >= _SMALLEST else function(*args, **kwargs)

    return record


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))
