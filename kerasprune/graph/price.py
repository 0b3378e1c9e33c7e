"""What a layer that stays whole computes: its calls at known sizes, to be counted."""

import math
from collections.abc import Sequence

import keras

from kerasprune.graph.call import Call
from kerasprune.graph.record import stand_in_calls
from kerasprune.graph.recording import RecordError
from kerasprune.graph.site import Site, symbolic


def calls_inside(site: Site) -> tuple[list[keras.KerasTensor], list[Call], int] | None:
    """The calls that a layer makes at the sizes at which a model is priced.

    The weights that it holds itself count as tensors, so that products of weights are calls, too.

    Returns:
        The tensors that are given, the calls, and how often the layer makes them all; None where its call does more
        than to call Keras layers and operations.
    """
    layer, args, kwargs, times = _one_step(site)
    for weights_too in (True, False):
        try:
            return *stand_in_calls(layer, args, kwargs, weights_too), times
        except RecordError:
            continue
    return None


def _one_step(site: Site) -> tuple[keras.layers.Layer, tuple, dict, int]:
    """A layer with the arguments of one call, and how often it is called: what runs over time calls what it holds."""
    layer, (first, *_) = site.layer, site.call.inputs
    if isinstance(layer, (keras.layers.TimeDistributed, keras.layers.RNN)):
        _, steps, *shape = site.sizes[0]
        step = symbolic((1, *shape), first)
        if isinstance(layer, keras.layers.TimeDistributed):
            return layer.layer, (step,), {}, steps
        sizes = layer.cell.state_size if isinstance(layer.cell.state_size, (list, tuple)) else [layer.cell.state_size]
        states = [symbolic((1, *(size if isinstance(size, (list, tuple)) else (size,))), first) for size in sizes]
        return layer.cell, (step, states), {}, steps
    given = {id(tensor): symbolic(sizes, tensor) for tensor, sizes in zip(site.call.inputs, site.sizes, strict=True)}
    return layer, *site.call.fill(given), 1


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
