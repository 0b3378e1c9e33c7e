"""Sources with a window: convolutions, grouped, depthwise, separable and transposed."""

import keras
import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
def convolution(site: Site) -> Labels:
    """Reads the channel axis and makes a new one.

    With several groups, position i in every group lives or dies together, so that the groups stay equally wide.
    With one input channel per group, the outputs of a group belong to its input channel, as in a depthwise layer.
    """
    layer, axis = site.layer, site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} slides over these channels")
    width = site.shapes[0][axis]
    if layer.groups == 1:
        made = site.make(layer.filters)
        read = labels[axis]
    elif layer.groups == width:
        return _depthwise_groups(site, axis)
    else:
        made = np.tile(site.make(layer.filters // layer.groups), layer.groups)
        read = _tied_positions(site, labels[axis], layer.groups)
    site.read(axis)
    site.weight(layer.kernel, (*(None,) * len(layer.kernel_size), read, made), reads=(-2,))
    site.weight(layer.bias, (made,))
    site.set("filters", Count(made))
    return _finish(site, layer.kernel, axis, made)


@rule(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D, behaviour="carry")
def depthwise_convolution(site: Site) -> Labels:
    """Every channel has a filter of its own, or several, whose outputs lie side by side."""
    layer, axis = site.layer, site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} slides over these channels")
    channels = labels[axis]
    carried = _repeated(channels, layer.depth_multiplier)
    site.weight(layer.kernel, (*(None,) * len(layer.kernel_size), channels, None))
    site.weight(layer.bias, (carried,))
    return _finish(site, layer.kernel, axis, carried)


@rule(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D, behaviour="composite")
def separable_convolution(site: Site) -> Labels:
    """A depthwise filter, then a source over one position."""
    layer, axis = site.layer, site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} slides over these channels")
    channels, window = labels[axis], (None,) * len(layer.kernel_size)
    between = _repeated(channels, layer.depth_multiplier)
    made = site.make(layer.filters)
    site.read(axis)
    site.weight(layer.depthwise_kernel, (*window, channels, None), reads=(-2,))
    site.weight(layer.pointwise_kernel, (*window, between, made), reads=(-2,))
    site.weight(layer.bias, (made,))
    site.set("filters", Count(made))
    site.macs(layer.depthwise_kernel, *site.positions(axis))
    return _finish(site, layer.pointwise_kernel, axis, made)


@rule(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
def transposed_convolution(site: Site) -> Labels:
    """Reads the channel axis and makes a new one; the kernel holds (…, made, read)."""
    layer, axis = site.layer, site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} slides over these channels")
    made = site.make(layer.filters)
    site.read(axis)
    site.weight(layer.kernel, (*(None,) * len(layer.kernel_size), made, labels[axis]), reads=(-1,))
    site.weight(layer.bias, (made,))
    site.set("filters", Count(made))
    return _finish(site, layer.kernel, axis, made, output=False)


def _finish(site: Site, kernel, axis: int, made: np.ndarray | None, output: bool = True) -> Labels:
    """Count the positions, output ones unless said otherwise, and put `made` on the channel axis of the output."""
    sizes = (site.output_sizes if output else site.sizes)[0]
    window = tuple(size for other, size in enumerate(sizes) if other not in (0, axis))
    site.macs(kernel, (None,) * len(window), window)
    outputs = list(site.unlabelled())
    outputs[axis] = made
    _keep_clear_of_bias_add(site, axis, made)
    return site.activated(tuple(outputs), getattr(site.layer, "activation", None), axis)


def _keep_clear_of_bias_add(site: Site, axis: int, made: np.ndarray | None) -> None:
    """Channels that come first stay more than the last axis is long, or `keras.ops.add` would take one for the other.

    On TensorFlow it adds a bias of one long axis along the last axis as soon as the lengths agree.
    """
    last = site.output_shapes[0][-1]
    if made is None or site.layer.bias is None or axis == len(site.output_shapes[0]) - 1 or last in (None, 1):
        return
    if len(made) >= last:
        why = (
            f"{site.name} has its channels first: with {last} of them left, as many as its image is wide, TensorFlow "
            'would add its bias along the last axis; `compress(..., layout="channels_last")` has no such limit'
        )
        site.freeze(made[: last + 1], why)


def _depthwise_groups(site: Site, axis: int) -> Labels:
    layer, channels = site.layer, site.labels[axis]
    carried = _repeated(channels, layer.filters // layer.groups)
    site.weight(layer.kernel, (*(None,) * len(layer.kernel_size), None, carried))
    site.weight(layer.bias, (carried,))
    if channels is not None:
        site.set("groups", Count(channels))
        site.set("filters", Count(carried))
    return _finish(site, layer.kernel, axis, carried)


def _repeated(channels: np.ndarray | None, times: int) -> np.ndarray | None:
    return channels if channels is None or times == 1 else np.repeat(channels, times)


def _tied_positions(site: Site, channels: np.ndarray | None, groups: int) -> np.ndarray | None:
    """The ids of the first group, after tying those of the others to them place by place."""
    if channels is None:
        return None
    table = channels.reshape(groups, -1)
    site.tie(table[0], table, f"{site.name} has {groups} groups, which must stay equally wide")
    return table[0]
