"""Layers and operations that move entries: the labels move with them."""

import keras
import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.operands import Operand, operands
from kerasprune.graph.readers import channel_axis_behind
from kerasprune.graph.reshape import reshape_labels
from kerasprune.graph.reshape_like import ReshapeLike
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers


@rule(layers.Flatten, behaviour="move")
def flatten(site: Site) -> Labels:
    """All axes but the batch become one, channels last."""
    labels, shape = site.labels, site.shapes[0]
    if len(shape) == 1:
        return site.unlabelled()
    if site.layer.data_format == "channels_first" and len(shape) > 2:
        order = (0, *range(2, len(shape)), 1)
        labels, shape = tuple(labels[axis] for axis in order), tuple(shape[axis] for axis in order)
    return reshape_labels(site, labels, shape, site.output_shapes[0])


@rule(layers.Reshape, behaviour="move")
def reshape(site: Site) -> Labels:
    """Entries stay in their order; a channel axis that is split keeps whole blocks."""
    outputs = _reshaped(site)
    site.set("target_shape", _counted(site.layer.target_shape, outputs[1:]))
    return outputs


@rule(ReshapeLike, behaviour="move")
def reshape_like(site: Site) -> Labels:
    """As a reshape; of the second tensor only sizes are read."""
    for axis in site.layer.axes:
        site.freeze(site.inputs[1][axis], f"{site.name} reads how many of these channels there are")
    outputs = _reshaped(site)
    site.set("target_shape", _counted(site.layer.target_shape, outputs))
    return outputs


@rule("Reshape", behaviour="move")
def reshape_operation(site: Site) -> Labels:
    """As the layer, with the batch axis in the shape."""
    outputs = _reshaped(site)
    site.set("newshape", _counted(site.layer.newshape, outputs))
    return outputs


@rule(layers.Permute, behaviour="move")
def permute(site: Site) -> Labels:
    """The axes change places, the batch axis stays."""
    return (site.labels[0], *(site.labels[axis] for axis in site.layer.dims))


@rule("Transpose", behaviour="move")
def transpose(site: Site) -> Labels:
    """The axes change places, reversed where no order is given."""
    rank = len(site.labels)
    order = site.layer.axes or range(rank)[::-1]
    return tuple(site.labels[axis % rank] for axis in order)


@rule(layers.RepeatVector, behaviour="move")
def repeat_vector(site: Site) -> Labels:
    """A new axis without channels behind the batch axis."""
    return (site.labels[0], None, *site.labels[1:])


@rule("ExpandDims", behaviour="move")
def expand_dims(site: Site) -> Labels:
    """New axes without channels."""
    axis = site.layer.axis
    rank = len(site.output_shapes[0])
    new = {a % rank for a in ([axis] if isinstance(axis, int) else axis)}
    old = iter(site.labels)
    return tuple(None if position in new else next(old) for position in range(rank))


@rule("Squeeze", behaviour="move")
def squeeze(site: Site) -> Labels:
    """Axes of length 1 go; a channel on one of them stays."""
    rank, axis = len(site.labels), site.layer.axis
    if axis is None:
        gone = {position for position, size in enumerate(site.shapes[0]) if size == 1}
        site.set("axis", tuple(sorted(gone)))  # an axis of which one channel is left must not go, too
    else:
        gone = {a % rank for a in ([axis] if isinstance(axis, int) else axis)}
    for position in gone:
        if site.labels[position] is not None:
            site.freeze(site.labels[position], f"{site.name} drops the axis of this channel")
    return tuple(vector for position, vector in enumerate(site.labels) if position not in gone)


@rule(layers.Concatenate, "Concatenate", behaviour="move")
def concatenate(site: Site) -> Labels:
    """Along the axis the labels stand one after the other; along all others they are tied."""
    parts = operands(site)
    along = site.layer.axis % len(site.labels)
    outputs = [_equal_axes(site, axis, parts) for axis in range(len(site.labels))]
    sizes = [part.shape[along] for part in parts]
    vectors = [part.labels[along] for part in parts]
    if all(vector is None for vector in vectors):
        outputs[along] = None
    elif None in sizes:
        site.freeze(vectors, f"{site.name} joins them along an axis of unknown length")
        outputs[along] = None
    else:
        pairs = zip(vectors, sizes, strict=True)
        outputs[along] = np.concatenate([np.zeros(size, int) if v is None else v for v, size in pairs])
    for part in parts:
        part.follow(site, (*outputs[:along], None, *outputs[along + 1 :]))
    return tuple(outputs)


def _equal_axes(site: Site, axis: int, parts: list[Operand]) -> np.ndarray | None:
    """Tie what the tensors carry on one axis; constants follow."""
    vectors = [part.labels[axis] for part in parts if part.index is not None]
    first = next((vector for vector in vectors if vector is not None), None)
    if first is None or axis == site.layer.axis % len(site.labels):
        return None
    for vector in vectors:
        if vector is None:
            site.freeze(first, f"{site.name} sets them beside values that are not channels")
        elif vector is not first:
            site.tie(first, vector, f"{site.name} sets them side by side")
    return first


@rule("Pad", behaviour="move")
def pad(site: Site) -> Labels:
    """Padding of axes without channels; a padded channel axis stays."""
    for vector, before, after in zip(site.labels, site.shapes[0], site.output_shapes[0], strict=True):
        if vector is not None and before != after:
            site.freeze(vector, f"{site.name} pads the axis of these channels")
    pairs = zip(site.labels, site.shapes[0], site.output_shapes[0], strict=True)
    return tuple(vector if before == after else None for vector, before, after in pairs)


def _reshaped(site: Site) -> Labels:
    """Where there is a choice, the axis that the layers behind it take for that of the channels carries them."""
    preferred = channel_axis_behind(site.call.outputs[0])
    return reshape_labels(site, site.labels, site.shapes[0], site.output_shapes[0], preferred)


def _counted(shape, labels: Labels) -> tuple:
    """The numbers of a target shape that follow the channels."""
    pairs = zip(shape, labels, strict=True)
    return tuple(size if vector is None or size in (-1, None) else Count(vector) for size, vector in pairs)
