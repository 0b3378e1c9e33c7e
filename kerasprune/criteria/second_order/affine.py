"""Linear layers, and layers that scale and shift every channel."""

import keras
import numpy as np
from keras import layers

from kerasprune.criteria.second_order.activations import activation
from kerasprune.criteria.second_order.step import Step, array, linear, step, then
from kerasprune.graph import Call, LinearLayer, find_linear_layer


@step(LinearLayer)
def linear_layer(call: Call) -> Step:
    """One product with a kernel, or two in a row, a bias and an activation."""
    layer = call.operation
    described = find_linear_layer(layer)
    bias = _along_outputs(described, len(call.outputs[0].shape))
    product = linear(described.product, described.product_back, described.matrix, bias)
    if described.first is not None:
        first = described.first
        product = then(linear(first.product, first.product_back, first.matrix), product)
    return then(product, activation(getattr(layer, "activation", None) or keras.activations.linear, call.path))


def _along_outputs(described: LinearLayer, rank: int) -> np.ndarray | float:
    """The bias with the axes of what the layer makes."""
    if described.bias is None:
        return 0.0
    bias = array(described.bias)
    if described.outputs == (1,) and bias.ndim == 1:  # channels first
        return bias.reshape(-1, *[1] * (rank - 2))
    return bias


@step(layers.BatchNormalization)
def batch_normalization(call: Call) -> Step:
    """A factor and an offset for every channel, from the moving statistics."""
    layer = call.operation
    shape = [1] * len(call.inputs[0].shape)
    shape[layer.axis] = -1
    factor = (array(layer.moving_variance) + layer.epsilon) ** -0.5 * (array(layer.gamma) if layer.scale else 1.0)
    offset = (array(layer.beta) if layer.center else 0.0) - array(layer.moving_mean) * factor
    return _scaled(factor.reshape(shape), offset.reshape(shape))


@step(layers.Rescaling)
def rescaling(call: Call) -> Step:
    """A factor and an offset."""
    return _scaled(array(call.operation.scale), array(call.operation.offset))


@step(layers.Normalization)
def normalization(call: Call) -> Step:
    """The mean goes to zero, the variance to one, or back."""
    layer = call.operation
    mean, deviation = array(layer.mean), array(layer.variance) ** 0.5
    return _scaled(deviation, mean) if layer.invert else _scaled(1 / deviation, -mean / deviation)


def _scaled(factor, offset) -> Step:
    return linear(lambda x, kernel: x * kernel, lambda derivative, kernel, shape: derivative * kernel, factor, offset)
