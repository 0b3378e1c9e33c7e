"""What single channels contribute to what a layer makes, before its activation: the layer is linear in them."""

from collections.abc import Callable

import keras
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
    axis = channel_axis(layer, len(inputs.shape))
    channels = _members(inputs, positions, factors, axis)  # (candidates, members, batch, ...)
    channels = ops.moveaxis(channels, 1, axis + 1)
    kernel = _rows(layer.kernel, positions, len(layer.kernel_size))  # (*window, candidates, members, outputs)
    kernel = ops.moveaxis(kernel, -3, 0)
    return ops.stack([layer.convolution_op(channels[number], kernel[number]) for number in range(kernel.shape[0])])


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
