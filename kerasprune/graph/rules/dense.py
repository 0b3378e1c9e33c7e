"""Sources without a window: Dense, EinsumDense, Embedding."""

import keras

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule(keras.layers.Dense)
def dense(site: Site) -> Labels:
    """Reads the last axis and makes a new one; all other axes pass."""
    layer, labels = site.layer, site.labels
    made = site.make(layer.units)
    site.read(-1)
    site.weight(layer.kernel, (labels[-1], made), reads=(0,))
    site.weight(layer.bias, (made,))
    site.set("units", Count(made))
    site.macs(layer.kernel, *site.positions(-1))
    return site.activated((*labels[:-1], made), layer.activation)


@rule(keras.layers.Embedding)
def embedding(site: Site) -> Labels:
    """Makes channels from indices."""
    layer = site.layer
    site.freeze(site.labels, f"{site.name} reads its input as indices")
    made = site.make(layer.output_dim)
    site.weight(layer.embeddings, (None, made))
    site.set("output_dim", Count(made))
    return (*site.unlabelled()[:-1], made)


@rule(keras.layers.EinsumDense)
def einsum_dense(site: Site) -> Labels | list[Labels]:
    """Reads the letters that weight and input share, makes those that weight and output share.

    A letter that all three have carries the input's channels.
    """
    layer, labels = site.layer, site.labels
    terms = _letters(layer.equation, len(labels), len(site.output_shapes[0]))
    if terms is None:
        return site.decline(f"the equation {layer.equation!r} of {site.name} is not understood")
    inputs, weights, outputs = terms
    by_letter = {letter: vector for letter, vector in zip(inputs, labels, strict=True) if vector is not None}
    lost = [letter for letter in inputs if letter not in weights and letter not in outputs]
    site.read(*(axis for axis, letter in enumerate(inputs) if letter not in outputs))
    shape = dict(zip(weights, layer.kernel.shape, strict=True))
    for letter in weights:
        if letter not in inputs:
            by_letter[letter] = site.make(shape[letter])
    reads = tuple(axis for axis, letter in enumerate(weights) if letter in inputs and letter not in outputs)
    site.weight(layer.kernel, tuple(by_letter.get(letter) for letter in weights), reads)
    result = tuple(by_letter.get(letter) for letter in outputs)
    if layer.bias is not None:
        site.weight(layer.bias, _aligned(result, layer.bias.shape))
        keep_clear_of_bias_add(site, layer.bias, result, site.output_shapes[0][1])
    site.set("output_shape", _output_shape(layer, result))
    over = [axis for axis, letter in enumerate(inputs) if letter not in weights and axis and letter not in lost]
    sizes = site.sizes[0]
    site.macs(layer.kernel, tuple(labels[axis] for axis in over), tuple(sizes[axis] for axis in over))
    return site.activated(result, layer.activation)


def _letters(equation: str, input_rank: int, output_rank: int) -> tuple[str, str, str] | None:
    """The subscripts of input, weight and output, an ellipsis written out; None where a subscript repeats a letter."""
    left, outputs = equation.replace(" ", "").split("->")
    inputs, weights = left.split(",")
    missing = max(input_rank - len(inputs.replace("...", "")), 0)
    spare = "".join(chr(ord("A") + i) for i in range(missing))
    inputs, weights, outputs = (term.replace("...", spare) for term in (inputs, weights, outputs))
    whole = len(inputs) == input_rank and len(outputs) == output_rank
    distinct = all(len(set(term)) == len(term) for term in (inputs, weights, outputs))
    return (inputs, weights, outputs) if whole and distinct else None


def _aligned(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """The labels of the last axes, for a weight that is broadcast along those of length 1."""
    pairs = zip(labels[len(labels) - len(shape) :], shape, strict=True)
    return tuple(vector if vector is not None and len(vector) == size else None for vector, size in pairs)


def _output_shape(layer, labels: Labels):
    """The configuration's `output_shape`, which leaves out the batch axis, with counts for the labelled axes."""
    given = layer.partial_output_shape
    tail = labels[len(labels) - len(given) :]
    return tuple(
        size if vector is None or size is None else Count(vector) for size, vector in zip(given, tail, strict=True)
    )


def keep_clear_of_bias_add(site: Site, bias, labels: Labels, second: int | None) -> None:
    """Freeze what a cut could make `keras.ops.add` on TensorFlow add along a wrong axis.

    It takes any second argument with one long axis for a bias of the last axis, or else of the second one, as soon as
    the lengths agree, whichever axis it lies along. So the last axis of a bias of several axes must not shrink to 1
    where another one can become as long as the second axis of the sum.

    Args:
        site: The call.
        bias: The bias, or None.
        labels: Those of the sum.
        second: The length of the second axis of the sum, which is not one of the bias; None where it is not known.
    """
    if bias is None or len(bias.shape) < 2:
        return
    why = f"the bias of {site.name} does not lie along the last axis"
    if bias.shape[-1] == 1:
        site.freeze(labels, why)
    elif labels[1] is not None or any(second is not None and 1 < second <= width for width in bias.shape[:-1]):
        site.freeze(labels[-1:], f"with one of these left, {why}")
