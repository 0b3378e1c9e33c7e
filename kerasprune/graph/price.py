"""What a layer that stays whole computes: its calls at known sizes, to be counted."""

import math
from collections.abc import Sequence

import keras

from kerasprune.graph.call import Call
from kerasprune.graph.part import Part
from kerasprune.graph.record import RecordError, stand_in_calls
from kerasprune.graph.site import Site, symbolic


def calls_inside(site: Site) -> tuple[list[keras.KerasTensor], list[Call]] | None:
    """The calls that a layer makes at the sizes at which a model is priced.

    The weights that it holds itself count as tensors, so that products of weights are calls, too.

    Returns:
        The tensors that are given and the calls; None where its call does more than to call Keras layers and
        operations.
    """
    layer = site.layer
    if not isinstance(layer, keras.layers.Layer):
        return None
    given = {id(tensor): symbolic(sizes, tensor) for tensor, sizes in zip(site.call.inputs, site.sizes, strict=True)}
    args, kwargs = site.call.fill(given)
    for weights_too in (True, False):
        try:
            return stand_in_calls(layer, args, kwargs, weights_too)
        except RecordError:
            continue
    return None


def repeats(site: Site) -> tuple[Site, int]:
    """The call of the layer that a `TimeDistributed` holds, and how often it is made; any other call, once."""
    if not isinstance(site.layer, keras.layers.TimeDistributed):
        return site, 1
    return Part(site, site.layer.layer, "layer/config/", without=1), site.sizes[0][1]


def macs_of_operation(site: Site) -> float:
    """The multiply-accumulates of an operation of `keras.ops` for which there is no rule."""
    kind = type(site.layer).__name__
    if kind not in _WINDOWS:
        return 0.0
    kernels = [math.prod(leaf.shape) for leaf in keras.tree.flatten(site.arguments)[1:] if hasattr(leaf, "shape")]
    channels_first = site.layer.data_format == "channels_first"
    return float(sum(kernels) * math.prod(_positions(_WINDOWS[kind](site), channels_first)))


def _positions(sizes: Sequence[int], channels_first: bool) -> Sequence[int]:
    return sizes[2:] if channels_first else sizes[1:-1]


# Where the kernels of a convolution are applied once each.
_WINDOWS = {
    "Conv": lambda site: site.output_sizes[0],
    "DepthwiseConv": lambda site: site.output_sizes[0],
    "SeparableConv": lambda site: site.output_sizes[0],
    "ConvTranspose": lambda site: site.sizes[0],
}
