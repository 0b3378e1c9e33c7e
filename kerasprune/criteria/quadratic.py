"""The second-order change of the loss, with second derivatives that are propagated back."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers

from kerasprune.core import DataError, Registry, batches
from kerasprune.criteria.evidence import Evidence
from kerasprune.criteria.gauss_newton import known_loss
from kerasprune.criteria.registry import Ranking, criterion
from kerasprune.graph import nodes

# By the name of an activation: from its input to its first and second derivative.
DERIVATIVES = Registry("activation with known derivatives")
# By the name of a loss: from outputs and labels to its first and second derivative in each output, or, for the loss of
# a softmax, in each of the inputs of the softmax.
HEADS = Registry("loss with known derivatives")
SOFTMAX_LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")
_PASSING = (layers.Dropout, layers.Identity, layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout)


@DERIVATIVES.register("linear")
def _linear(x):
    return np.ones_like(x), np.zeros_like(x)


@DERIVATIVES.register("relu")
def _relu(x):
    return (x > 0).astype(float), np.zeros_like(x)


@DERIVATIVES.register("sigmoid")
def _sigmoid(x):
    s = _logistic(x)
    return s * (1 - s), s * (1 - s) * (1 - 2 * s)


@DERIVATIVES.register("tanh")
def _tanh(x):
    t = np.tanh(x)
    return 1 - t**2, -2 * t * (1 - t**2)


@DERIVATIVES.register("softplus")
def _softplus(x):
    s = _logistic(x)
    return s, s * (1 - s)


@DERIVATIVES.register("silu")
def _silu(x):
    s = _logistic(x)
    slope = s * (1 - s)
    return s + x * slope, slope * (2 + x * (1 - 2 * s))


@DERIVATIVES.register("elu")
def _elu(x):
    below = np.exp(np.minimum(x, 0))
    return np.where(x > 0, 1.0, below), np.where(x > 0, 0.0, below)


@DERIVATIVES.register("exponential")
def _exponential(x):
    return np.exp(x), np.exp(x)


@HEADS.register("mean_squared_error")
def _squared_error(outputs, labels):
    scale = 2 / outputs.shape[-1]
    return scale * (outputs - labels), np.full_like(outputs, scale)


@HEADS.register("categorical_crossentropy")
def _cross_entropy(outputs, labels):
    return outputs - labels, outputs * (1 - outputs)


@HEADS.register("sparse_categorical_crossentropy")
def _sparse_cross_entropy(outputs, labels):
    return _cross_entropy(outputs, np.eye(outputs.shape[-1])[labels.reshape(-1).astype(int)])


@criterion("quadratic")
@dataclass(frozen=True)
class Quadratic:
    """By how much the mean loss would rise, to second order, if a neuron of a fully connected network read zero.

    For a neuron with the output `o` this is `-o * dE/do + 1/2 * o^2 * d2E/do2`, averaged over the samples with its
    sign. The second derivatives are propagated back like the first ones, with squared weights and without the cross
    terms between the units of a layer: exact for the last hidden layer, an approximation for those before it, where
    "gauss_newton" is closer. Needs labels, a chain of Dense layers with activations of known derivatives, and the mean
    squared error or the cross-entropy of a softmax.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465, section 3, second-derivative
        back-propagation.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        chain, head = _chain(evidence), _head(evidence)
        data = list(batches(evidence.data, evidence.batch_size, limit=evidence.limit))
        if any(batch.y is None for batch in data):
            raise DataError("'quadratic' needs labels, and the data has none. Pass data=(x, y).")

        def scores(gain: np.ndarray) -> np.ndarray:
            total, samples = np.zeros(evidence.graph.num_ids), 0
            for batch in data:
                total += _change(chain, head, batch, gain)
                samples += batch.size
            if not np.isfinite(total).all():
                raise DataError("The derivatives of the loss hold NaN or infinity. Check weights, data and labels.")
            return total / samples

        return scores


@dataclass(frozen=True, eq=False)
class _Step:
    """One Dense layer: its kernel, its bias, its activation by name, and the ids that it reads, or None."""

    kernel: np.ndarray
    bias: np.ndarray
    activation: str
    ids: np.ndarray | None


def _change(chain: list[_Step], head: Callable, batch, gain: np.ndarray) -> np.ndarray:
    """The second-order change of every id, summed over the samples: float (num_ids,)."""
    (value,) = (np.asarray(leaf, float) for leaf in keras.tree.flatten(batch.x))
    value = value.reshape(len(value), -1)
    read, made = [], []
    for step in chain:
        value = value if step.ids is None else value * gain[step.ids]
        read.append(value)
        made.append(value @ step.kernel + step.bias)
        value = _activated(step.activation, made[-1])
    (labels,) = keras.tree.flatten(batch.y)
    first, second = head(value, np.asarray(labels, float).reshape(len(value), -1))
    if batch.sample_weight is not None:
        weight = np.ravel(batch.sample_weight)[:, None]
        first, second = first * weight, second * weight
    total = np.zeros(len(gain))
    for step, values, inputs in zip(reversed(chain), reversed(read), reversed(made), strict=True):
        if step.activation != "softmax":  # the head has gone through it already
            slope, bend = DERIVATIVES[step.activation](inputs)
            first, second = first * slope, second * slope**2 + first * bend
        first, second = first @ step.kernel.T, second @ np.square(step.kernel).T
        if step.ids is not None:
            change = (-values * first + 0.5 * values**2 * second).sum(axis=0)
            total += np.bincount(step.ids, change, minlength=len(gain))
            first, second = first * gain[step.ids], second * gain[step.ids] ** 2
    return total


def _chain(evidence: Evidence) -> list[_Step]:
    """The Dense layers of the model in order.

    Raises:
        DataError: There is another layer, or the model is no chain.
    """
    labels = {weight.layer: weight.axes[0] for weight in evidence.graph.weights if weight.index == 0}
    steps: list[_Step] = []
    last = None
    for node in nodes(evidence.model):
        layer = node.operation
        in_line = len(node.inputs) == len(node.outputs) == 1 and (last is None or node.inputs[0] is last)
        if not in_line:
            raise DataError(f"'quadratic' needs a chain of layers; `{node.path}` is not in line. Use 'gauss_newton'.")
        last = node.outputs[0]
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if type(layer) is layers.Dense:
            bias = np.zeros(layer.units) if layer.bias is None else layer.get_weights()[1].astype(float)
            steps.append(_Step(layer.get_weights()[0].astype(float), bias, activation, labels.get(node.path)))
        elif type(layer) in (layers.Activation, layers.ReLU) and steps and steps[-1].activation == "linear":
            steps[-1] = replace(steps[-1], activation=_plain_relu(layer) if type(layer) is layers.ReLU else activation)
        elif not isinstance(layer, _PASSING) and not (type(layer) is layers.Flatten and not steps):
            raise DataError(
                f"'quadratic' knows Dense layers and their activations only; `{node.path}` is a "
                f"{type(layer).__name__}. Use 'gauss_newton', which takes any layer."
            )
    for number, step in enumerate(steps):
        last_softmax = step.activation == "softmax" and number == len(steps) - 1
        if step.activation not in DERIVATIVES and not last_softmax:
            raise DataError(
                f"'quadratic' knows the derivatives of {', '.join(DERIVATIVES)}. Received: {step.activation!r}. "
                "Use 'gauss_newton', which takes any activation."
            )
    if not steps:
        raise DataError("'quadratic' needs at least one Dense layer, and the model has none.")
    return steps


def _plain_relu(layer: layers.ReLU) -> str:
    return "relu" if not (layer.max_value or layer.negative_slope or layer.threshold) else "a leaky or clipped ReLU"


def _head(evidence: Evidence) -> Callable:
    name, options = known_loss(evidence, "quadratic", HEADS)
    *_, last = nodes(evidence.model)
    softmax = getattr(getattr(last.operation, "activation", None), "__name__", "") == "softmax"
    if (name in SOFTMAX_LOSSES) != softmax or options.get("from_logits"):
        raise DataError(
            "'quadratic' needs a softmax at the end of the model for the cross-entropy, and none for the mean squared "
            f"error. Received the loss {name!r}. Use 'gauss_newton'."
        )
    return HEADS[name]


def _activated(name: str, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x)))


def _logistic(x):
    return 1 / (1 + np.exp(-x))
