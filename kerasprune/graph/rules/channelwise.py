"""Layers that change nothing on the channel axis: activations, pooling, padding, dropout, noise."""

import keras
import numpy as np

from kerasprune.core import Labels, Pick
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers


@rule(
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.ReLU,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    "keras.StochasticDepth",
    behaviour="channelwise",
)
def elementwise(site: Site) -> Labels:
    """Every element for itself: all axes pass."""
    return site.labels


@rule(layers.Activation, behaviour="channelwise")
def activation(site: Site) -> Labels:
    """Elementwise, or mixing the last axis."""
    return site.activated(site.labels, site.layer.activation)


@rule(layers.Softmax, "Softmax", "LogSoftmax", behaviour="channelwise")
def softmax(site: Site) -> Labels:
    """Mixes some axes, which stay; the others pass."""
    axis = site.layer.axis
    for mixed in [axis] if isinstance(axis, int) else axis:
        if site.labels[mixed] is not None:
            site.freeze(site.labels[mixed], f"the softmax {site.name} mixes these channels")
    return site.labels


@rule(layers.Masking, behaviour="channelwise")
def masking(site: Site) -> Labels:
    """Hides the steps in which all channels have one value; if that is zero, a channel that reads zero has no say."""
    if site.layer.mask_value == 0:
        site.read(-1)
    else:
        site.freeze((site.labels[-1],), f"{site.name} compares these channels with {site.layer.mask_value}")
    return site.labels


@rule("Clip", behaviour="channelwise")
def clip(site: Site) -> Labels | list[Labels]:
    """Every element for itself, unless its bounds differ from channel to channel."""
    if any(np.size(bound) > 1 for bound in (site.layer.x_min, site.layer.x_max)):
        return site.decline(f"{site.name} has bounds that differ from place to place")
    return site.labels


@rule(layers.Rescaling, behaviour="channelwise")
def rescaling(site: Site) -> Labels:
    """A factor and an offset for all, or one for each channel, which follow."""
    for key in ("scale", "offset"):
        values = keras.ops.convert_to_numpy(getattr(site.layer, key))
        if values.ndim and values.size > 1:
            pairs = zip(site.labels[len(site.labels) - values.ndim :], values.shape, strict=True)
            site.set(key, Pick(values, tuple(None if size == 1 else vector for vector, size in pairs)))
    return site.labels


@rule(
    layers.AdaptiveAveragePooling1D,
    layers.AdaptiveAveragePooling2D,
    layers.AdaptiveAveragePooling3D,
    layers.AdaptiveMaxPooling1D,
    layers.AdaptiveMaxPooling2D,
    layers.AdaptiveMaxPooling3D,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.CenterCrop,
    layers.Cropping3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.RandomCrop,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.Resizing,
    layers.UpSampling1D,
    layers.UpSampling2D,
    layers.UpSampling3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "AveragePool",
    "CropImages",
    "MaxPool",
    "PadImages",
    "Resize",
    behaviour="channelwise",
)
def spatial(site: Site) -> Labels:
    """Every channel for itself, over the other axes, which carry no channels."""
    axis = site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} slides over these channels")
    outputs = list(site.unlabelled())
    outputs[axis] = labels[axis]
    return tuple(outputs)


@rule(
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
    behaviour="channelwise",
)
def global_pooling(site: Site) -> Labels:
    """One number per channel; the other axes go, or stay with length 1."""
    axis = site.channel_axis()
    labels = site.freeze_other_axes(axis, f"{site.name} pools over these channels")
    if not site.layer.keepdims:
        return (None, labels[axis])
    outputs = list(site.unlabelled())
    outputs[axis] = labels[axis]
    return tuple(outputs)
