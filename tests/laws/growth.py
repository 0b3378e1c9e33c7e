"""The registry of growths: functions that make one more tensor of a random model out of those made so far."""

from collections.abc import Callable, Sequence

import keras

layers = keras.layers

Pick = Callable[[Sequence], object]
GROWTHS: dict[int, list[Callable]] = {2: [], 3: [], 4: [], 5: []}

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "silu", "gelu", "softmax")
WIDTHS = (1, 2, 3, 4, 6, 8)
DIVISIBLE = (4, 8)


def growth(*ranks: int):
    """Register a function `(pick, pool, tensor) -> tensor` for tensors of these ranks."""

    def decorate(function):
        for rank in ranks:
            GROWTHS[rank].append(function)
        return function

    return decorate


def dimensions(tensor) -> str:
    return f"{len(tensor.shape) - 2}D"


def layer_of(prefix: str, tensor, suffix: str = ""):
    return getattr(layers, f"{prefix}{dimensions(tensor)}{suffix}")
