"""Activations with their first and second derivatives."""

import functools
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from kerasprune.core import Registry
from kerasprune.criteria.second_order.step import Step, array, elementwise, step, unknown
from kerasprune.graph import Call

# By the name of an activation: from its input to its value, slope (first derivative) and bend (second derivative).
DERIVATIVES = Registry("activation with known derivatives")
# By the class name of an operation of `keras.ops`, which has no parameters of its own.
_OPERATIONS = {
    "Exp": "exponential",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LogSigmoid": "log_sigmoid",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}


@DERIVATIVES.register("linear")
def _linear(x):
    return x, np.ones_like(x), np.zeros_like(x)


@DERIVATIVES.register("sigmoid")
def _sigmoid(x):
    s = (1 + np.tanh(x / 2)) / 2  # does not overflow
    slope = s * (1 - s)
    return s, slope, slope * (1 - 2 * s)


@DERIVATIVES.register("tanh")
def _tanh(x):
    t = np.tanh(x)
    return t, 1 - t**2, -2 * t * (1 - t**2)


@DERIVATIVES.register("softplus")
def _softplus(x):
    return np.logaddexp(0, x), *_sigmoid(x)[:2]


@DERIVATIVES.register("log_sigmoid")
def _log_sigmoid(x):
    value, slope, bend = _softplus(-x)
    return -value, slope, -bend


@DERIVATIVES.register("exponential")
def _exponential(x):
    return (np.exp(x),) * 3


@DERIVATIVES.register("softsign")
def _softsign(x):
    below = 1 + np.abs(x)
    return x / below, below**-2, -2 * np.sign(x) * below**-3


@DERIVATIVES.register("gelu")
def _gelu(x):
    from scipy.special import erf  # noqa: PLC0415  (only who meets this activation pays for it)

    return _times_x(x, (1 + erf(x / np.sqrt(2))) / 2, (density := _gaussian(x)), -x * density)


@DERIVATIVES.register("silu")
def _silu(x):
    return _times_x(x, *_sigmoid(x))


@DERIVATIVES.register("mish")
def _mish(x):
    inner, slope, bend = _softplus(x)
    value, outer_slope, outer_bend = _tanh(inner)
    return _times_x(x, value, outer_slope * slope, outer_bend * slope**2 + outer_slope * bend)


@DERIVATIVES.register("elu")
def _elu(x, alpha: float = 1.0, scale: float = 1.0):
    below = scale * alpha * np.exp(np.minimum(x, 0))
    above = x > 0
    return np.where(above, scale * x, below - scale * alpha), np.where(above, scale, below), np.where(above, 0.0, below)


@DERIVATIVES.register("selu")
def _selu(x):
    return _elu(x, 1.6732632423543772, 1.0507009873554805)


@DERIVATIVES.register("relu")
def _relu(x, negative_slope=0.0, max_value: float | None = None, threshold: float = 0.0):
    """Bent lines; `negative_slope` may be an array that goes with `x`."""
    slope = np.where(x > threshold, 1.0, negative_slope)
    value = np.where(x > threshold, x, negative_slope * (x - threshold))
    if max_value is not None:
        value, slope = np.minimum(value, max_value), slope * (x < max_value)
    return value, slope, np.zeros_like(x)


@DERIVATIVES.register("relu6")
def _relu6(x):
    return _relu(x, max_value=6.0)


@DERIVATIVES.register("leaky_relu")
def _leaky_relu(x):
    return _relu(x, negative_slope=0.2)


@DERIVATIVES.register("hard_tanh")
def _hard_tanh(x):
    return np.clip(x, -1, 1), (np.abs(x) < 1).astype(float), np.zeros_like(x)


@DERIVATIVES.register("hard_sigmoid")
def _hard_sigmoid(x):
    return np.clip(x / 6 + 0.5, 0, 1), (np.abs(x) < 3) / 6.0, np.zeros_like(x)


@DERIVATIVES.register("hard_silu")
def _hard_silu(x):
    return _times_x(x, *_hard_sigmoid(x))


def _times_x(x, value, slope, bend):
    """Value, slope and bend of `x * g(x)` from those of `g`."""
    return x * value, value + x * slope, 2 * slope + x * bend


def _gaussian(x):
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def softmax(axis: int | tuple[int, ...] = -1) -> Step:
    """The softmax, whose second derivatives count in all outputs that an input has a part in."""

    def run(x):
        p = np.exp(x - x.max(axis=axis, keepdims=True))
        p /= p.sum(axis=axis, keepdims=True)

        def back(first, second):
            # dp_i/dx_j = p_i (d_ij - p_j);  d2p_i/dx_j2 = p_i ((d_ij - p_j)^2 - p_j (1 - p_j))
            share = first * p
            both = second * p**2 + share
            total_share, total = (part.sum(axis=axis, keepdims=True) for part in (share, both))
            return [(share - p * total_share, total * p**2 + both * (1 - 2 * p) - total_share * p * (1 - p))]

        return p, back

    return run


def activation(function: Callable, path: str) -> Step:
    """The step of an activation function of Keras.

    Raises:
        DataError: Its derivatives are not known.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(keras.activations, name, None) is not function or name not in (*DERIVATIVES, "softmax"):
        raise unknown(f"`{path}` has the activation {name!r}, and known are {', '.join(DERIVATIVES)} and softmax")
    return softmax() if name == "softmax" else elementwise(DERIVATIVES[name])


@step(layers.Activation)
def _activation(call: Call) -> Step:
    return activation(call.operation.activation, call.path)


@step(*_OPERATIONS)
def _operation(call: Call) -> Step:
    return elementwise(DERIVATIVES[_OPERATIONS[type(call.operation).__name__]])


@step(layers.ReLU)
def _relu_layer(call: Call) -> Step:
    options = {key: getattr(call.operation, key) for key in ("negative_slope", "max_value", "threshold")}
    return elementwise(functools.partial(_relu, **options))


@step(layers.LeakyReLU)
def _leaky_relu_layer(call: Call) -> Step:
    return elementwise(functools.partial(_relu, negative_slope=call.operation.negative_slope))


@step(layers.PReLU)
def _prelu_layer(call: Call) -> Step:
    return elementwise(functools.partial(_relu, negative_slope=array(call.operation.alpha)))


@step(layers.ELU)
def _elu_layer(call: Call) -> Step:
    return elementwise(functools.partial(_elu, alpha=call.operation.alpha))


@step(layers.Softmax, "Softmax")
def _softmax_layer(call: Call) -> Step:
    axis = call.operation.axis
    return softmax(axis if isinstance(axis, int) else tuple(axis))
