"""Operations that repeat, reverse, stack or regroup the entries of axes: the labels do the same."""

import math

import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.operands import operands
from kerasprune.graph.rule import rule
from kerasprune.graph.rules.join import join
from kerasprune.graph.site import Site

# Keras 3.15 puts blocks before channels on TensorFlow and channels before blocks on JAX.
_UNSETTLED = "{} orders channels differently on each backend where they come first"


@rule("Stack", behaviour="join")
def stack(site: Site) -> Labels:
    """A new axis without channels; along all others the inputs are tied."""
    parts = operands(site)
    outputs = list(join(site, [(part.labels, part.shape) for part in parts if part.index is not None]))
    for part in parts:
        part.follow(site, tuple(outputs))
    outputs.insert(site.layer.axis % (len(outputs) + 1), None)
    return tuple(outputs)


@rule("Swapaxes", behaviour="move")
def swapaxes(site: Site) -> Labels:
    """Two axes change places."""
    outputs = list(site.labels)
    first, second = site.layer.axis1, site.layer.axis2
    outputs[first], outputs[second] = outputs[second], outputs[first]
    return tuple(outputs)


@rule("Moveaxis", behaviour="move")
def moveaxis(site: Site) -> Labels:
    """Some axes go elsewhere, the others close up."""
    numbered = np.empty(range(len(site.labels)))  # of shape (0, 1, 2, ...), so that the shape says where each axis went
    order = np.moveaxis(numbered, site.layer.source, site.layer.destination).shape
    return tuple(site.labels[axis] for axis in order)


@rule("Repeat", behaviour="move")
def repeat(site: Site) -> Labels | list[Labels]:
    """Every entry several times in a row."""
    axis, times = site.layer.axis, site.layer.repeats
    if axis is None or (np.ndim(times) and site.labels[axis] is not None):
        return site.decline(f"{site.name} repeats entries of several axes, or not all equally often")
    outputs = list(site.labels)
    outputs[axis] = None if outputs[axis] is None else np.repeat(outputs[axis], times)
    return tuple(outputs)


@rule("Tile", behaviour="move")
def tile(site: Site) -> Labels:
    """Whole axes several times, one after the other."""
    rank = len(site.output_shapes[0])
    times = np.atleast_1d(site.layer.repeats).tolist()
    times = [1] * (rank - len(times)) + times
    labels = (None,) * (rank - len(site.labels)) + site.labels
    return tuple(v if v is None or n == 1 else np.tile(v, n) for v, n in zip(labels, times, strict=True))


@rule("Flip", behaviour="move")
def flip(site: Site) -> Labels:
    """Axes in reverse order."""
    axes = _axes(site, site.layer.axis)
    return tuple(v if v is None or axis not in axes else v[::-1] for axis, v in enumerate(site.labels))


@rule("Roll", behaviour="move")
def roll(site: Site) -> Labels:
    """Entries move by a number of places; channels on such an axis stay."""
    for axis in _axes(site, site.layer.axis):
        site.freeze((site.labels[axis],), f"{site.name} moves these channels by a number of places")
    if site.layer.axis is None:
        return site.unlabelled()
    return tuple(None if axis in _axes(site, site.layer.axis) else v for axis, v in enumerate(site.labels))


@rule("BroadcastTo", behaviour="join")
def broadcast_to(site: Site) -> Labels:
    """Axes of length 1 become longer; a channel on one of them stays."""
    rank = len(site.layer.shape)
    labels = (None,) * (rank - len(site.labels)) + site.labels
    outputs = []
    for vector, size in zip(labels, site.layer.shape, strict=True):
        if vector is not None and len(vector) != size:
            site.freeze(vector, f"{site.name} spreads this channel over a whole axis")
            vector = None
        outputs.append(vector)
    pairs = zip(site.layer.shape, outputs, strict=True)
    site.set("shape", tuple(size if vector is None else Count(vector) for size, vector in pairs))
    return tuple(outputs)


@rule("DepthToSpace", behaviour="move")
def depth_to_space(site: Site) -> Labels | list[Labels]:
    """Blocks of channels become neighbouring pixels: channel c of every block goes with the others."""
    axis = site.channel_axis()
    if axis == 1:
        return site.decline(_UNSETTLED.format(site.name))
    labels = site.freeze_other_axes(axis, f"{site.name} moves entries along the axis of these channels")
    outputs = list(site.unlabelled())
    if labels[axis] is not None:
        blocks = labels[axis].reshape(site.layer.block_size**2, -1)
        site.tie(blocks[:1], blocks, f"{site.name} makes one channel of them")
        outputs[axis] = blocks[0]
    return tuple(outputs)


@rule("SpaceToDepth", behaviour="move")
def space_to_depth(site: Site) -> Labels | list[Labels]:
    """Neighbouring pixels become blocks of channels."""
    if site.channel_axis() == 1:
        return site.decline(_UNSETTLED.format(site.name))
    return _tiled(site, site.layer.block_size**2)


@rule("ExtractPatches", behaviour="move")
def extract_patches(site: Site) -> Labels | list[Labels]:
    """The pixels of a patch become blocks of channels."""
    size, spatial = site.layer.size, len(site.labels) - 2
    return _tiled(site, size**spatial if isinstance(size, int) else math.prod(size))


@rule("Glu", behaviour="join")
def gated_linear_unit(site: Site) -> Labels:
    """The second half of an axis gates the first: place by place they go together."""
    axis = site.layer.axis % len(site.labels)
    outputs = list(site.labels)
    if outputs[axis] is not None:
        first, second = np.split(outputs[axis], 2)
        site.tie(first, second, f"{site.name} gates one half of them with the other")
        outputs[axis] = first
    return tuple(outputs)


@rule("FullLike", "OnesLike", "ZerosLike", "EmptyLike", behaviour="channelwise")
def like(site: Site) -> Labels | list[Labels]:
    """Constants in the shape of the input, the same in every channel."""
    if len(operands(site)) > 1 and any(operand.shape for operand in operands(site)[1:]):
        return site.decline(f"{site.name} fills with values that differ from place to place")
    return site.labels


def _tiled(site: Site, times: int) -> Labels:
    axis = site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} moves entries along the axis of these channels")
    outputs = list(site.unlabelled())
    outputs[axis] = None if labels[axis] is None else np.tile(labels[axis], times)
    return tuple(outputs)


def _axes(site: Site, axis) -> set[int]:
    rank = len(site.labels)
    axes = range(rank) if axis is None else [axis] if isinstance(axis, int) else axis
    return {a % rank for a in axes}
