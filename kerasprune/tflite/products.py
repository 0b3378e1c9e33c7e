"""Layers that multiply every channel by a number, as the products that they are."""

import keras

from kerasprune.graph import Call, Rebuild, layers_inside, trace


def with_products(model: keras.Model) -> keras.Model:
    """The model itself if no `EinsumDense` multiplies channel by channel, else a twin in which constants do.

    The converter makes a batched matrix product of one column for every channel of such a layer, between two
    transpositions.
    """
    if not any(_is_factor(layer) for layer in layers_inside(model)):
        return model
    return Rebuild(trace(model)).run(model, _multiplied)


def _multiplied(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
    outputs = operation(*args, **kwargs)
    if not _is_factor(call.operation):
        return outputs
    old = call.operation
    outputs = args[0] * keras.ops.convert_to_numpy(old.kernel)
    if old.bias is not None:
        outputs = outputs + keras.ops.convert_to_numpy(old.bias)
    return outputs if old.activation is None else keras.layers.Activation(old.activation)(outputs)


def _is_factor(layer: keras.Operation) -> bool:
    if type(layer) is not keras.layers.EinsumDense:
        return False
    left, _, output = layer.equation.replace(" ", "").partition("->")
    given, _, kernel = left.partition(",")
    return given == output and len(kernel) == 1 and given.endswith(kernel)
