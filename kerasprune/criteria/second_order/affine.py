"""Dense layers, and layers that scale and shift every channel."""

from keras import layers

from kerasprune.criteria.second_order.activations import activation
from kerasprune.criteria.second_order.step import Step, array, linear, step, then
from kerasprune.graph import Call


@step(layers.Dense)
def dense(call: Call) -> Step:
    """The last axis times the kernel."""
    layer = call.operation
    product = linear(
        lambda x, kernel: x @ kernel,
        lambda derivative, kernel, shape: derivative @ kernel.T,
        array(layer.kernel),
        0.0 if layer.bias is None else array(layer.bias),
    )
    return then(product, activation(layer.activation, call.path))


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
