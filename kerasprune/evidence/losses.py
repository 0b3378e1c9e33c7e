"""Losses of Keras of which more is known than their value: derivatives and curvature in the outputs, by name."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, Registry

SMALLEST = 1e-37  # of a probability; its logarithm is finite in single precision
_TINY = 1e-150  # its square is a number still

# By the name of a loss of Keras its `KnownLoss`.
LOSSES = Registry("loss with known derivatives")


@dataclass(frozen=True)
class KnownLoss:
    """The loss of one position, whose outputs lie along the last axis; arrays are float64.

    `derivatives(outputs, labels)` are the first and the second one in every output alone, and the squares of what the
    outputs change by along the rows of `directions(outputs, labels)` add up to the curvature. Without labels, or where
    the loss is made of straight lines, it is the one to be expected if the loss is minus the logarithm of the
    probability of a label: the Fisher information. All are of the shape of the outputs.

    Args:
        options: How the loss of Keras was made.
        temperature: What logits are divided by before they are compared; the loss is then multiplied by its square, so
            that the curvature does not fall with it.
    """

    options: Mapping = field(default_factory=dict)
    temperature: float = 1.0

    @classmethod
    def options_of(cls, loss: keras.losses.Loss) -> dict:
        """How a loss of Keras was made."""
        return loss.get_config()

    @property
    def from_logits(self) -> bool:
        """Whether the outputs are logits."""
        return bool(self.options.get("from_logits"))

    def smoothed(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """The labels as the loss smooths them over so many classes."""
        smoothing = self.options.get("label_smoothing") or 0.0
        return labels * (1 - smoothing) + smoothing / classes

    def derivatives(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first and the second one in every output alone: of the shape of the outputs.

        Raises:
            DataError: The outputs are not finite, or no probabilities where the loss takes such.
        """
        if not np.isfinite(outputs).all():
            raise DataError("The outputs of the model hold NaN or infinity. Check the weights and the data.")
        return self._derivatives(outputs, labels)

    def _derivatives(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


def apart(sizes: np.ndarray) -> Iterator[np.ndarray]:
    """One row for every output, with its size there and zeros elsewhere."""
    for row in np.eye(sizes.shape[-1]):
        yield row * sizes


@LOSSES.register("mean_squared_error")
class MeanSquaredError(KnownLoss):
    """The mean of `(o - y)^2`, whose second derivative over n outputs is 2/n."""

    def values(self, outputs, labels):
        """The loss: (...)."""
        return np.square(outputs - like(labels, outputs)).mean(axis=-1)

    def centre(self, labels):
        """The outputs of the least mean loss among those that are the same for every sample: (outputs,)."""
        return labels.mean(axis=0)

    def _derivatives(self, outputs, labels):
        scale = 2 / outputs.shape[-1]
        return scale * (outputs - like(labels, outputs)), np.full_like(outputs, scale)

    def directions(self, outputs, labels=None):
        return apart(np.full_like(outputs, np.sqrt(2 / outputs.shape[-1])))


@LOSSES.register("huber")
class Huber(KnownLoss):
    """Half the squared error up to an error of `delta`, and a straight line beyond, where there is no curvature."""

    @classmethod
    def options_of(cls, loss):
        """With the steepness of the straight line, which the configuration leaves out."""
        near, far = (loss.call(np.zeros((1, 1), "float32"), np.full((1, 1), at, "float32")) for at in (1e5, 3e5))
        return {**loss.get_config(), "delta": float(far[0] - near[0]) / 2e5}

    def _derivatives(self, outputs, labels):
        delta, missing = self.options.get("delta", 1.0), outputs - like(labels, outputs)
        size = outputs.shape[-1]
        return np.clip(missing, -delta, delta) / size, (np.abs(missing) <= delta) / size

    def directions(self, outputs, labels=None):
        """Without labels, by the share of them that lies near enough if the loss is right about them."""
        if labels is not None:
            return apart(np.sqrt(self.derivatives(outputs, labels)[1]))
        delta = self.options.get("delta", 1.0)
        near = math.sqrt(2 * math.pi) * math.erf(delta / math.sqrt(2))
        share = near / (near + 2 / delta * math.exp(-(delta**2) / 2))
        return apart(np.full_like(outputs, np.sqrt(share / outputs.shape[-1])))


@LOSSES.register("mean_absolute_error")
class MeanAbsoluteError(KnownLoss):
    """Straight lines on both sides of the label, whose slope of 1 has the square 1/n over n outputs."""

    def _derivatives(self, outputs, labels):
        size = outputs.shape[-1]
        return np.sign(outputs - like(labels, outputs)) / size, np.full_like(outputs, 1 / size)

    def directions(self, outputs, labels=None):
        return apart(np.full_like(outputs, np.sqrt(1 / outputs.shape[-1])))


@LOSSES.register("categorical_crossentropy")
class CategoricalCrossentropy(KnownLoss):
    """Minus the logarithms of the probabilities `p` of a softmax, weighted by the labels.

    Its curvature in the logits is `diag(p) - pp'`, at any temperature.
    """

    def values(self, outputs, labels):
        """As in `MeanSquaredError`, times the square of the temperature."""
        wanted, logarithms = self._flat(self.classes(labels, outputs)), np.log(self._tempered(outputs))
        return -(self.temperature**2) * np.sum(wanted * logarithms, axis=-1)

    def centre(self, labels):
        """As there, from probabilities to probabilities."""
        return softmax(self.temperature * np.log(self._flat(labels).mean(axis=0)))

    def _derivatives(self, outputs, labels):
        wanted = self.classes(labels, outputs)
        if self.from_logits or self.temperature != 1:
            wanted, found = self._flat(wanted), self._tempered(outputs)
            total = wanted.sum(axis=-1, keepdims=True)
            first, second = self.temperature * (total * found - wanted), total * found * (1 - found)
            if self.from_logits:
                return first, second
            p = np.maximum(outputs, SMALLEST)  # with z = log p, dz/dp = 1 / p
            return first / p, (second - first) / p**2
        if not np.allclose(outputs.sum(axis=-1), 1, atol=1e-3):
            raise no_probabilities("softmax")
        p = np.maximum(outputs, _TINY)
        return -wanted / p, wanted / p**2

    def directions(self, outputs, labels=None):
        """The variance of the change of the logits `z` under the probabilities, in one row less than there are classes.

        It is the sum over the classes k of `p_k q_k / (p_k + q_k) * (dz_k - mean of dz over the classes behind k)^2`,
        with `q_k` the probability of those. A change of `p_k` is one of `z_k` times `p_k`.
        """
        plain = not self.from_logits and self.temperature == 1
        p = (outputs if plain else self._tempered(outputs)) + keras.config.epsilon() ** 2
        behind = np.cumsum(p[..., ::-1], axis=-1)[..., ::-1]  # of each class and those behind it
        per_output = 1.0  # change of a logit for one of the output
        if not self.from_logits:
            per_output = 1 / p if plain else np.where(outputs > SMALLEST, 1 / np.maximum(outputs, SMALLEST), 0.0)
        for k in range(p.shape[-1] - 1):
            here, rest = p[..., k : k + 1], behind[..., k + 1 : k + 2]
            row = np.zeros_like(p)
            row[..., k : k + 1] = 1
            row[..., k + 1 :] = -p[..., k + 1 :] / rest
            yield row * np.sqrt(here * rest / behind[..., k : k + 1]) * per_output

    def classes(self, labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The labels as probabilities: (..., classes)."""
        return self.smoothed(like(labels, outputs), outputs.shape[-1])

    def _tempered(self, outputs: np.ndarray) -> np.ndarray:
        """The probabilities at the temperature."""
        return softmax(outputs / self.temperature) if self.from_logits else self._flat(outputs)

    def _flat(self, probabilities: np.ndarray) -> np.ndarray:
        if self.temperature == 1:
            return np.maximum(probabilities, SMALLEST)
        return softmax(np.log(np.maximum(probabilities, SMALLEST)) / self.temperature)


@LOSSES.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """The same, from class numbers."""

    def classes(self, labels, outputs):
        return np.eye(outputs.shape[-1])[labels.reshape(outputs.shape[:-1]).astype(int)]


@LOSSES.register("binary_crossentropy")
class BinaryCrossentropy(KnownLoss):
    """A cross-entropy for every output, with the probability `p` of a sigmoid, and the mean over n outputs.

    Its curvature in a logit is `p (1 - p) / n`.
    """

    def values(self, outputs, labels):
        """The loss: (...)."""
        p, wanted = self._tempered(outputs), self._tempered(like(labels, outputs))
        return -(self.temperature**2) * (wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).mean(axis=-1)

    def centre(self, labels):
        """The probabilities of the least mean loss among those that are the same for every sample: (outputs,)."""
        mean = self._tempered(labels).mean(axis=0)
        return sigmoid(self.temperature * (np.log(mean) - np.log(1 - mean)))

    def _tempered(self, p: np.ndarray) -> np.ndarray:
        """Probabilities at the temperature, none of them 0 or 1."""
        small = keras.config.epsilon()
        p = np.clip(sigmoid(p) if self.from_logits else p, small, 1 - small)
        return p if self.temperature == 1 else sigmoid((np.log(p) - np.log(1 - p)) / self.temperature)

    def _derivatives(self, outputs, labels):
        wanted, size = self.smoothed(like(labels, outputs), 2), outputs.shape[-1]
        if self.from_logits:
            p = sigmoid(outputs)
            return (p - wanted) / size, p * (1 - p) / size
        if outputs.min() < 0 or outputs.max() > 1:
            raise no_probabilities("sigmoid")
        yes, no = np.maximum(outputs, _TINY), np.maximum(1 - outputs, _TINY)
        return ((1 - wanted) / no - wanted / yes) / size, ((1 - wanted) / no**2 + wanted / yes**2) / size

    def directions(self, outputs, labels=None):
        small = keras.config.epsilon() ** 2
        p = np.clip(sigmoid(outputs) if self.from_logits else outputs, 0, 1)
        slope = p * (1 - p) + small  # of the sigmoid
        if self.temperature != 1:
            logits = outputs if self.from_logits else np.log(p + small) - np.log(1 - p + small)
            p = sigmoid(logits / self.temperature)
        curvature = p * (1 - p) + small
        return apart(np.sqrt(curvature / outputs.shape[-1]) / (1.0 if self.from_logits else slope))


def known_loss(loss: Any, who: str, temperature: float = 1.0) -> KnownLoss:
    """What is known about a loss of one output.

    Args:
        loss: As `compile` takes it.
        who: The criterion that asks.
        temperature: As in `KnownLoss`.

    Raises:
        DataError: Its curvature over the last axis is not known.
    """
    (loss,) = keras.tree.flatten(loss)
    loss = keras.losses.get(loss)
    function = getattr(loss, "fn", loss)
    name = getattr(function, "__name__", type(function).__name__)
    of_keras = name in LOSSES and getattr(keras.losses, name, None) is function
    options = LOSSES[name].options_of(loss) if of_keras and isinstance(loss, keras.losses.Loss) else {}
    left_out = options.get("ignore_class")
    if not of_keras or options.get("axis", -1) != -1 or left_out is not None:
        why = "" if left_out is None else f" with ignore_class={left_out}, which leaves positions out"
        raise DataError(
            f"{who!r} knows the curvature of {', '.join(LOSSES)} over the last axis of the outputs. Received the loss "
            f"{name!r}{why}. Use 'oracle' or 'linear', which take any loss."
        )
    return LOSSES[name](options, temperature)


def like(labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Labels of the shape of the outputs: with the last axis of one that may be missing, or repeated along it."""
    return labels.reshape(outputs.shape) if labels.size == outputs.size else np.broadcast_to(labels, outputs.shape)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The probability of every logit alone."""
    return (1 + np.tanh(logits / 2)) / 2  # does not overflow


def no_probabilities(activation: str) -> DataError:
    """An error that says what the model lacks."""
    return DataError(
        f"The loss needs a {activation} at the end of the model, and its outputs are no probabilities. "
        "Pass it as an object that was made with `from_logits=True`."
    )
