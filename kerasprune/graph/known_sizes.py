"""Sizes that Keras drops though they are known: an `EinsumDense` says None for every axis that it is not told."""

import contextlib
from collections.abc import Iterable

import keras

from kerasprune.graph.call import Call, Env
from kerasprune.graph.walk import is_graph


def einsum_specification(layer: keras.layers.EinsumDense, inputs, **options) -> keras.KerasTensor:
    """The output of the layer, with the sizes of all letters that the input has."""
    output = type(layer).compute_output_spec(layer, inputs)  # the options, as `training`, do not change it
    left, _, right = layer.equation.replace(" ", "").partition("->")
    given = left.partition(",")[0]
    if "." in layer.equation or len(given) != len(inputs.shape) or None not in output.shape[1:]:
        return output
    sizes = dict(zip(given, inputs.shape, strict=True))
    shape = [sizes.get(letter) if size is None else size for letter, size in zip(right, output.shape, strict=True)]
    return keras.KerasTensor((output.shape[0], *shape[1:]), dtype=output.dtype)


def with_known_sizes(calls: Iterable[Call]) -> Env:
    """Tensors of more known sizes for the outputs of calls behind an `EinsumDense`, by the identity of the outputs."""
    known: Env = {}
    for call in calls:
        is_einsum = type(call.operation) is keras.layers.EinsumDense
        if is_graph(call.operation) or not (is_einsum or any(id(tensor) in known for tensor in call.inputs)):
            continue
        with contextlib.suppress(Exception):  # a layer that cannot say what it makes of other sizes
            args, kwargs = filled(call, known)
            outputs = (
                einsum_specification(call.operation, *args, **kwargs)
                if is_einsum
                else call.operation.compute_output_spec(*args, **kwargs)
            )
            for old, new in zip(call.outputs, keras.tree.flatten(outputs), strict=True):
                if len(old.shape) == len(new.shape) and old.shape != new.shape:
                    known[id(old)] = new
    return known


def filled(call: Call, known: Env) -> tuple[tuple, dict]:
    """The arguments of a call, with what is known of them."""
    return call.fill({id(tensor): known.get(id(tensor), tensor) for tensor in keras.tree.flatten(call.arguments)})
