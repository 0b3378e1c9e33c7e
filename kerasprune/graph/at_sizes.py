"""A function of `keras.ops` that is told sizes of tensors, which are open until the model runs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasprune.core import OptionError
from kerasprune.core.registry import known

ops = keras.ops


def _constant(values, shape, dtype):
    return ops.convert_to_tensor(np.array(values, dtype).reshape(shape))


def _banded(values, first, rows, columns, lead, dtype):
    """A matrix whose entries follow from the row less the column: `values` from `first` on, the ends beyond."""
    distance = ops.expand_dims(ops.arange(rows, dtype="int32"), 1) - ops.arange(columns, dtype="int32")
    place = ops.clip(distance - first, 0, len(values) - 1)
    matrix = ops.take(ops.convert_to_tensor(np.array(values, dtype)), place)
    for _ in range(lead):
        matrix = ops.expand_dims(matrix, 0)
    return matrix


def _slice(shape, start, x):
    return ops.slice(x, start, shape)


def _broadcast_to(shape, x):
    return ops.broadcast_to(x, shape)


def _repeat(repeats, axis, x):
    return ops.repeat(x, repeats, axis)


def _tile(repeats, x):
    return ops.tile(x, repeats)


def _get_item(key, x):
    return x[tuple(_slice_of(item) if isinstance(item, (list, tuple)) else item for item in key)]


def _slice_of(bounds: Sequence) -> slice:
    """A slice from the three bounds for which it stands in a configuration."""
    return slice(*bounds)


# By name: what computes the value from the settings, and from a tensor where there is one.
FUNCTIONS: dict[str, Callable] = {
    "arange": ops.arange,
    "banded": _banded,
    "broadcast_to": _broadcast_to,
    "constant": _constant,
    "eye": ops.eye,
    "full": ops.full,
    "get_item": _get_item,
    "ones": ops.ones,
    "repeat": _repeat,
    "slice": _slice,
    "tile": _tile,
    "tri": ops.tri,
    "zeros": ops.zeros,
}
# Those that take a tensor.
OF_TENSOR = frozenset({"broadcast_to", "get_item", "repeat", "slice", "tile"})


@keras.saving.register_keras_serializable(package="kerasprune")
class AtSizes(keras.layers.Layer):
    """Computes a function of `keras.ops` with sizes of its inputs among the settings.

    It stands for code such as `ops.arange(ops.shape(y)[1])` in a model that leaves the size open, and for a constant
    that a layer computes in its `call`.

    Args:
        function: A name in `FUNCTIONS`.
        settings: The arguments of the function by their names. `{"input": 0, "axis": 1, "plus": 0}` in the place of a
            number is the size of an axis of an input, plus a number.
        options: As for `keras.layers.Layer`.

    Raises:
        OptionError: There is no such function.

    Call arguments:
        inputs: The tensors whose sizes are read; in front of them the tensor that the function takes, if it takes one.

    Example:

    >>> layer = AtSizes("arange", {"start": 0, "stop": {"input": 0, "axis": 1, "plus": 0}})
    >>> tuple(layer([keras.ops.ones((2, 6))]).shape)
    (6,)
    """

    def __init__(self, function: str, settings: dict[str, Any], **options):
        super().__init__(**options)
        if function not in FUNCTIONS:
            raise OptionError(f"There is no function {function!r}. {known(function, FUNCTIONS)}")
        self.function = function
        self.settings = settings
        self.autocast = False
        self.supports_masking = True

    @property
    def has_samples(self) -> bool:
        """Whether it reads the first size of an input, that of the batch, which is then one of the result."""
        return any(axis == 0 for _, axis in self.reads())

    def reads(self) -> list[tuple[int, int]]:
        """The number of the input and the axis for every size that is read."""
        return _places(self.settings)

    def call(self, inputs):
        tensors = inputs[:1] if self.function in OF_TENSOR else []
        shapes = [ops.shape(tensor) for tensor in inputs]
        return FUNCTIONS[self.function](**at(self.settings, shapes), **dict(zip("x", tensors, strict=False)))

    def compute_output_spec(self, inputs):
        """Sizes that follow from open ones are open; two stand-ins for these show which they are."""
        shapes = [tensor.shape for tensor in inputs]
        specs = [self._specification(inputs, shapes, size) for size in (_STAND_IN, _STAND_IN + 2)]
        pairs = zip(*(spec.shape for spec in specs), strict=True)
        return keras.KerasTensor([one if one == other else None for one, other in pairs], dtype=specs[0].dtype)

    def compute_mask(self, inputs, previous_mask):
        return None

    def get_config(self):
        return {**super().get_config(), "function": self.function, "settings": self.settings}

    def _specification(self, inputs, shapes, size: int) -> keras.KerasTensor:
        """The output where every open size is this one."""
        filled = [[size if each is None else each for each in shape] for shape in shapes]
        tensors = inputs[:1] if self.function in OF_TENSOR else []
        stand_ins = [keras.KerasTensor(shape, dtype=x.dtype) for shape, x in zip(filled, tensors, strict=False)]
        given = at(self.settings, filled)
        if not stand_ins:
            return _made_spec(self.function, given)
        return FUNCTIONS[self.function](**given, x=stand_ins[0])


_STAND_IN = 97


def _made_spec(function: str, settings: dict) -> keras.KerasTensor:
    """What a function that takes no tensor gives, without making it where it is large."""
    shape = settings.get("shape")
    if shape is None or function == "constant":
        made = FUNCTIONS[function](**settings)
        return keras.KerasTensor(made.shape, dtype=keras.backend.standardize_dtype(made.dtype))
    settings = {**settings, "shape": [1] * len(shape)} if math.prod(shape) > 1 else settings
    return keras.KerasTensor(shape, dtype=keras.backend.standardize_dtype(FUNCTIONS[function](**settings).dtype))


def at(settings: Any, shapes: Sequence[Sequence]) -> Any:
    """The settings with the sizes of tensors of these shapes in their places."""
    if isinstance(settings, dict):
        if _is_place(settings):
            size = shapes[settings["input"]][settings["axis"]]
            return size + settings["plus"] if settings["plus"] else size
        return {key: at(value, shapes) for key, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [at(value, shapes) for value in settings]
    return settings


def _places(settings: Any) -> list[tuple[int, int]]:
    """The places of sizes among the settings: the number of the input and the axis."""
    if isinstance(settings, dict):
        if _is_place(settings):
            return [(settings["input"], settings["axis"])]
        settings = list(settings.values())
    return [place for each in settings for place in _places(each)] if isinstance(settings, (list, tuple)) else []


def _is_place(settings: dict) -> bool:
    return settings.keys() == {"input", "axis", "plus"}
