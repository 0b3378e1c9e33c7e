"""What single channels contribute to what a layer makes, before its activation: the layer is linear in them."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops


def channel_axis(layer: keras.layers.Layer, rank: int) -> int:
    """The axis of the input channels of a layer in `UPDATES` for an input of this rank."""
    return 1 if getattr(layer, "data_format", "channels_last") == "channels_first" else rank - 1


def update_of(layer: keras.Operation) -> Callable | None:
    """The entry of `UPDATES` for a layer; None where there is none or the layer does something of its own."""
    plain = (
        type(layer) in UPDATES
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "padding", "") != "causal"
        and getattr(layer, "quantization_mode", None) is None
        and layer.compute_dtype == "float32"  # a difference of numbers in half precision is no small error
    )
    return UPDATES[type(layer)] if plain else None


def _dense(layer, inputs, positions, factors):
    columns = _members(inputs, positions, factors, len(inputs.shape) - 1)  # (candidates, members, batch, ...)
    kernel = _rows(layer.kernel, positions, 0)  # (candidates, members, outputs)
    columns = ops.expand_dims(columns, -1)
    shape = [*kernel.shape[:2], *[1] * (len(inputs.shape) - 1), kernel.shape[2]]
    products = columns * ops.reshape(kernel, shape)  # (candidates, members, batch, ..., outputs)
    return products[:, 0] if kernel.shape[1] == 1 else ops.sum(products, axis=1)


def _convolution(layer, inputs, positions, factors):
    # Tap by tap, for one channel is no work for a matrix product, and the compiler makes one loop of all taps.
    axis = channel_axis(layer, len(inputs.shape))
    channels = _members(inputs, positions, factors, axis)  # (candidates, members, batch, *places)
    kernel = ops.moveaxis(_rows(layer.kernel, positions, len(layer.kernel_size)), (-3, -2), (0, 1))
    windows = [_window(layer, length, number) for number, length in enumerate(channels.shape[3:])]
    channels = ops.pad(channels, [(0, 0)] * 3 + [padding for padding, _ in windows])
    total = 0.0
    for tap in np.ndindex(*layer.kernel_size):
        places = tuple(slices[number] for (_, slices), number in zip(windows, tap, strict=True))
        weights = kernel[(slice(None), slice(None), *tap)]  # (candidates, members, outputs)
        shape = [*weights.shape[:2], *[1] * (1 + len(tap)), weights.shape[2]]
        total = total + channels[(..., *places)][..., None] * ops.reshape(weights, shape)
    total = total[:, 0] if total.shape[1] == 1 else ops.sum(total, axis=1)  # (candidates, batch, *places, outputs)
    return ops.moveaxis(total, -1, axis + 1)


def _window(layer, length: int, number: int) -> tuple[tuple[int, int], list[slice]]:
    """The zeros around one axis of a convolution, and the places that meet each of its taps."""
    size, step, gap = layer.kernel_size[number], layer.strides[number], layer.dilation_rate[number]
    span = (size - 1) * gap + 1
    missing = max((-(-length // step) - 1) * step + span - length, 0) if layer.padding == "same" else 0
    reach = (length + missing - span) // step * step + 1
    return (missing // 2, missing - missing // 2), [slice(tap * gap, tap * gap + reach, step) for tap in range(size)]


def _members(inputs, positions, factors, axis: int):
    """The members of every candidate, (candidates, members, batch, ...) without the channel axis."""
    taken = _rows(inputs, positions, axis)
    taken = ops.moveaxis(taken, (axis, axis + 1), (0, 1))
    return taken * ops.reshape(factors, [*factors.shape, *[1] * (len(inputs.shape) - 1)])


def _rows(tensor, positions, axis: int):
    """`tensor` with (candidates, members) in place of an axis."""
    flat = ops.take(tensor, ops.reshape(positions, (-1,)), axis=axis)
    return ops.reshape(flat, [*_sizes(tensor, 0, axis), *positions.shape, *_sizes(tensor, axis + 1, None)])


def _sizes(tensor, start: int, stop: int | None) -> list:
    return list(ops.shape(tensor)[start:stop])


# By the class of a layer: from the layer, its input (batch, ..., inputs), int (candidates, members), the positions of
# every candidate on the channel axis, and float (candidates, members), by what to multiply them, to what the
# candidates contribute: (candidates, batch, ..., outputs).
UPDATES: dict[type, Callable] = {
    layers.Dense: _dense,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.Conv3D: _convolution,
}
