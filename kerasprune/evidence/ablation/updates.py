"""What single channels contribute to what a layer makes, before its activation: the layer is linear in them."""

import keras
import numpy as np
from keras import ops

from kerasprune.graph import LinearLayer, find_linear_layer


def updatable(layer: keras.Operation) -> LinearLayer | None:
    """The description of a layer whose channels can be subtracted one by one; None where they cannot."""
    linear = find_linear_layer(layer)
    plain = (
        linear is not None
        and linear.is_plain
        and linear.groups == len(linear.outputs) == 1
        and (linear.windows is None or not linear.windows.spreads)
        and layer.compute_dtype == "float32"  # a difference of numbers in half precision is no small error
    )
    return linear if plain else None


def contribution(linear: LinearLayer, inputs, positions, factors):
    """What candidates contribute to what a layer makes.

    Args:
        linear: The layer, as `updatable` gives it.
        inputs: What it reads: (batch, ...).
        positions: int (candidates, members), where those of every candidate stand on the channel axis.
        factors: float (candidates, members), by what to multiply them.

    Returns:
        (candidates, batch, ...), with the axes of what the layer makes behind the first one.
    """
    # Tap by tap, for one channel is no work for a matrix product, and the compiler makes one loop of all taps.
    (axis,), (made,) = linear.inputs, linear.outputs
    channels = _members(inputs, positions, factors, axis % len(inputs.shape))  # (candidates, members, batch, ...)
    kernel = _rows(linear, positions)  # (candidates, members, *taps, outputs)
    taps = [()]
    if linear.windows is not None:
        places = tuple(channels.shape[3:])
        channels = ops.pad(channels, [(0, 0)] * 3 + linear.windows.pads(places))
        slices, taps = linear.windows.slices(places), np.ndindex(*linear.windows.size)
    total = 0.0
    for tap in taps:
        met = tuple(slices[number][place] for number, place in enumerate(tap))
        weights = kernel[(slice(None), slice(None), *tap)]  # (candidates, members, outputs)
        shape = [*weights.shape[:2], *[1] * (len(channels.shape) - 2), weights.shape[2]]
        total = total + channels[(..., *met)][..., None] * ops.reshape(weights, shape)
    total = total[:, 0] if positions.shape[1] == 1 else ops.sum(total, axis=1)  # (candidates, batch, ..., outputs)
    return ops.moveaxis(total, -1, made % (len(total.shape) - 1) + 1)


def _rows(linear: LinearLayer, positions):
    """The weights of the members of every candidate: (candidates, members, *taps, outputs)."""
    rank = len(linear.kernel.shape)
    read, *others = (axis % rank for axis in (*linear.reads, *linear.taps, *linear.makes))
    order = [read, read + 1, *(axis + (axis > read) for axis in others)]
    return ops.transpose(_taken(linear.kernel, positions, read), order)


def _members(inputs, positions, factors, axis: int):
    """The members of every candidate, (candidates, members, batch, ...) without the channel axis."""
    taken = _taken(inputs, positions, axis)
    taken = ops.moveaxis(taken, (axis, axis + 1), (0, 1))
    return taken * ops.reshape(factors, [*factors.shape, *[1] * (len(inputs.shape) - 1)])


def _taken(tensor, positions, axis: int):
    """`tensor` with (candidates, members) in place of an axis."""
    flat = ops.take(tensor, ops.reshape(positions, (-1,)), axis=axis)
    return ops.reshape(flat, [*_sizes(tensor, 0, axis), *positions.shape, *_sizes(tensor, axis + 1, None)])


def _sizes(tensor, start: int, stop: int | None) -> list:
    return list(ops.shape(tensor)[start:stop])
