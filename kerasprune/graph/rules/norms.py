"""Layers with a number of their own for each channel: batch statistics, slopes, factors, groups."""

import keras

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule(keras.layers.BatchNormalization, behaviour="carry")
def batch_normalization(site: Site) -> Labels:
    """Every channel has its own scale, offset and statistics."""
    layer = site.layer
    channels = site.labels[layer.axis]
    for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
        site.weight(variable, (channels,))
    return site.labels


@rule(keras.layers.PReLU, behaviour="carry")
def prelu(site: Site) -> Labels:
    """Every element has its own slope, or shares it along some axes."""
    alpha = site.layer.alpha
    pairs = zip(site.labels[1:], alpha.shape, strict=True)
    site.weight(alpha, tuple(vector if vector is not None and len(vector) == size else None for vector, size in pairs))
    return site.labels


@rule("keras.LayerScale", behaviour="carry")
def layer_scale(site: Site) -> Labels:
    """ConvNeXt multiplies every channel by a weight of its own."""
    channels = site.labels[-1]
    site.weight(site.layer.gamma, (channels,))
    if channels is not None:
        site.set("projection_dim", Count(channels))
    return site.labels


@rule(keras.layers.GroupNormalization, behaviour="carry")
def group_normalization(site: Site) -> Labels:
    """A whole group of channels can go: the statistics of the other groups are their own."""
    layer = site.layer
    axis = layer.axis % len(site.labels)
    labels = site.freeze_other_axes(axis, f"{site.name} takes its statistics over these channels")
    channels = labels[axis]
    if channels is not None:
        rows = channels.reshape(layer.groups, -1)
        if layer.groups == 1:
            site.freeze(channels, f"{site.name} has one group, and takes its statistics over all channels")
        site.tie(rows[:, :1], rows, f"{site.name} takes its statistics over groups of them, which go as a whole")
        site.set("groups", Count(rows[:, 0].copy()))
    for variable in (layer.gamma, layer.beta):
        site.weight(variable, (channels,))
    return labels


@rule(keras.layers.UnitNormalization, behaviour="channelwise")
def unit_normalization(site: Site) -> Labels:
    """Divides by the length of the vector of channels, to which a channel that reads zero adds nothing."""
    axis = site.layer.axis
    site.read(*([axis] if isinstance(axis, int) else axis))
    return site.labels


@rule(keras.layers.Normalization, behaviour="barrier")
def normalization(site: Site) -> Labels:
    """Fixed statistics of the data, at the model's front, where there are no channels to remove."""
    return _frozen(site, set(range(len(site.labels))))


def _frozen(site: Site, axes: set[int]) -> Labels:
    kind = type(site.layer).__name__
    for axis in axes:
        if site.labels[axis] is not None:
            site.freeze(site.labels[axis], f"{kind} {site.name} takes its statistics over these channels")
    return site.labels
