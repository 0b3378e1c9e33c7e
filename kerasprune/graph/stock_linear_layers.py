"""The linear layers of Keras."""

from keras import layers

from kerasprune.graph.linear_layer import LinearLayer, linear_layer
from kerasprune.graph.windows import SpreadWindows, Windows

ELLIPSIS = "."  # one letter for any number of axes


@linear_layer(layers.Dense)
def dense(layer) -> LinearLayer:
    """The last axis times the kernel."""
    return LinearLayer(layer)


@linear_layer(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def convolution(layer) -> LinearLayer:
    """In one group, or in several side by side."""
    return LinearLayer(layer, groups=layer.groups, windows=Windows(layer, layer.kernel_size), **_sliding(layer))


@linear_layer(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def depthwise_convolution(layer) -> LinearLayer:
    """Every channel is a block."""
    windows = Windows(layer, layer.kernel_size)
    return LinearLayer(layer, reads=(), blocks=(-2,), windows=windows, **_sliding(layer))


@linear_layer(layers.SeparableConv1D, layers.SeparableConv2D)
def separable_convolution(layer) -> LinearLayer:
    """A depthwise part, and a product at every place."""
    windows, places = Windows(layer, layer.kernel_size), _sliding(layer)
    first = LinearLayer(layer, reads=(), blocks=(-2,), windows=windows, variable="depthwise_kernel", **places)
    return LinearLayer(layer, variable="pointwise_kernel", first=first, **places)


@linear_layer(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
def transposed_convolution(layer) -> LinearLayer:
    """What is read spreads through the windows; the kernel holds (..., made, read)."""
    windows = SpreadWindows(layer, layer.kernel_size)
    return LinearLayer(layer, reads=(-1,), makes=(-2,), windows=windows, **_sliding(layer))


@linear_layer(layers.EinsumDense)
def einsum_dense(layer) -> LinearLayer | None:
    """By its equation: letters of all three terms are blocks, those of the kernel and one other are read or made."""
    left, outputs = layer.equation.replace(" ", "").replace("...", ELLIPSIS).split("->")
    inputs, weights = left.split(",")
    blocks = [letter for letter in weights if letter in inputs and letter in outputs]
    reads = [letter for letter in weights if letter in inputs and letter not in outputs]
    makes = [letter for letter in weights if letter in outputs and letter not in inputs]
    positions = [[letter for letter in term if letter not in weights] for term in (inputs, outputs)]
    distinct = all(len(set(term)) == len(term) for term in (inputs, weights, outputs))
    if not (distinct and positions[0] == positions[1] and blocks + reads and blocks + makes):
        return None
    return LinearLayer(
        layer,
        blocks=_axes(blocks, weights),
        reads=_axes(reads, weights),
        makes=_axes(makes, weights),
        inputs=_axes(blocks + reads, inputs),
        outputs=_axes(blocks + makes, outputs),
        bias_axes=_bias_axes(layer, blocks + makes, outputs),
    )


def _sliding(layer) -> dict:
    """The taps of the kernel, and the axes of the channels."""
    axis = 1 if layer.data_format == "channels_first" else -1
    return {"taps": tuple(range(len(layer.kernel_size))), "inputs": (axis,), "outputs": (axis,)}


def _axes(letters: list[str], term: str) -> tuple[int, ...]:
    """Where letters stand in a term, counted from the end behind an ellipsis."""
    elided = term.find(ELLIPSIS)
    places = [term.index(letter) for letter in letters]
    return tuple(place - len(term) if 0 <= elided < place else place for place in places)


def _bias_axes(layer, letters: list[str], outputs: str) -> tuple[int, ...] | None:
    """The axes of the bias, whose first one is the first that it varies along, for what is made."""
    if layer.bias_axes is None:
        return tuple(range(len(letters)))
    if set(layer.bias_axes) != set(letters):
        return None
    first = min(map(outputs.index, letters))
    return tuple(outputs.index(letter) - first for letter in letters)
