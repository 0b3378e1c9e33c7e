"""Statistics over channels: those that are gone count as zero, so that sums stay and divisors are put right."""

import math
from collections.abc import Iterable

import keras
import numpy as np

from kerasprune.core import Labels, Share, Whole
from kerasprune.graph.partial_normalization import PartialLayerNormalization
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers

INEXACT = frozenset({"LayerNormalization", "RMSNormalization"})


@rule("Mean", behaviour="statistic")
def mean(site: Site) -> Labels:
    """Where k of C channels are left, the mean over C is k/C times the mean over k."""
    axes = axes_of(site)
    channels = read_one_axis(site, axes)
    if channels is not None:
        site.scale(Share(channels, 1.0))
    return reduced(site, axes)


@rule(layers.RMSNormalization, behaviour="statistic")
def rms_normalization(site: Site) -> Labels:
    """Divides by the root of a mean of squares: with k of C channels, epsilon becomes epsilon C/k, scale sqrt(k/C)^-1.

    Where the trace was asked for it, the mean is that over the channels that are left, and nothing is put right.
    """
    layer, axes = site.layer, axes_of(site)
    if _inexactly(site, axes, (layer.scale,)):
        return site.labels
    channels = read_one_axis(site, axes)
    own = None if channels is None else Share(channels, -0.5)
    last = range(len(site.labels) - len(axes), len(site.labels))  # along these Keras multiplies, whatever the axes are
    site.weight(layer.scale, _along(site, last), share=own)
    if channels is not None:
        site.set("epsilon", Share(channels, -1.0, layer.epsilon))
    return site.labels


@rule(layers.LayerNormalization, PartialLayerNormalization, behaviour="statistic")
def layer_normalization(site: Site) -> Labels:
    """Mean and variance over all channels, those that are gone as zeros: no stock layer has these, one of ours does.

    Where the trace was asked for it, they are those of the channels that are left, and the layer stays a stock one.
    """
    layer, axes = site.layer, axes_of(site)
    if getattr(layer, "rms_scaling", False):
        return _frozen(site, axes, f"{site.name} has the deprecated option rms_scaling")
    if tuple(axis % len(site.labels) for axis in layer.axis) != axes:
        return _frozen(
            site, axes, f"Keras lays the scale of {site.name} along its axes in another order than they have"
        )
    if _inexactly(site, axes, (layer.gamma, layer.beta)):
        return site.labels
    channels = read_one_axis(site, axes)
    for variable in (layer.gamma, layer.beta):
        site.weight(variable, _along(site, axes))
    if channels is not None:
        width = math.prod(site.sizes[0][axis] for axis in axes)
        site.set("total", Whole(channels, getattr(layer, "total", width)))
        site.ours("a PartialLayerNormalization of kerasprune stands for it, because no stock layer counts zeros")
    return site.labels


def _frozen(site: Site, axes: tuple[int, ...], why: str) -> Labels:
    """The labels of the input, those along the axes of the statistic frozen."""
    for axis in axes:
        site.freeze(site.labels[axis : axis + 1], why)
    return site.labels


def axes_of(site: Site) -> tuple[int, ...]:
    """The axes that the call reduces, or takes its statistics over, in order."""
    rank, axis = len(site.labels), site.layer.axis
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in ([axis] if isinstance(axis, int) else axis)))


def reduced(site: Site, axes: tuple[int, ...]) -> Labels:
    """The labels of the output of a reduction."""
    if getattr(site.layer, "keepdims", False):
        return tuple(None if axis in axes else vector for axis, vector in enumerate(site.labels))
    return tuple(vector for axis, vector in enumerate(site.labels) if axis not in axes)


def read_one_axis(site: Site, axes: tuple[int, ...]) -> np.ndarray | None:
    """Read the channels that a statistic is taken over; where several axes carry some, those of all but one stay."""
    labelled = [axis for axis in axes if site.labels[axis] is not None]
    widest = max(labelled, key=lambda axis: len(site.labels[axis]), default=None)
    for axis in labelled:
        if axis != widest:
            site.freeze(site.labels[axis], f"{site.name} takes a statistic over these channels and others at once")
    if widest is None:
        return None
    site.read(widest)
    return site.labels[widest]


def _inexactly(site: Site, axes: tuple[int, ...], variables: tuple) -> bool:
    """Whether the layer was asked for to take its statistics over the channels that remain; if so, it does."""
    why = f"{type(site.layer).__name__} {site.name} takes its statistics over the channels that remain"
    channels = site.labels[-1]
    if axes != (len(site.labels) - 1,) or channels is None or not site.inexact(why):
        return False
    site.read(-1)
    for variable in variables:
        site.weight(variable, (channels,))
    return True


def _along(site: Site, axes: Iterable[int]) -> Labels:
    """The labels of a weight that has the axes of a statistic."""
    return tuple(site.labels[axis] for axis in axes)
