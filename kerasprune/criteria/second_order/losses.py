"""Losses with their first and second derivatives in the outputs."""

from collections.abc import Callable

import numpy as np

from kerasprune.core import DataError, Registry
from kerasprune.criteria.second_order.activations import DERIVATIVES, softmax
from kerasprune.criteria.second_order.step import Step, elementwise, unknown

# By the name of a loss of Keras: from outputs, labels and the options that the loss was made with to the first and
# second derivative, in every output, of the loss of its place; the last axis holds the outputs of a place.
LOSSES = Registry("loss with known derivatives")
_TINY = 1e-150  # its square is a number still


@LOSSES.register("mean_squared_error")
def _squared_error(outputs: np.ndarray, labels: np.ndarray, options: dict):
    scale = 2 / outputs.shape[-1]
    return scale * (outputs - labels.reshape(outputs.shape)), np.full_like(outputs, scale)


@LOSSES.register("categorical_crossentropy")
def _cross_entropy(outputs: np.ndarray, labels: np.ndarray, options: dict):
    smoothing = options.get("label_smoothing") or 0.0
    labels = labels.reshape(outputs.shape) * (1 - smoothing) + smoothing / outputs.shape[-1]

    def derivatives(p):
        if not np.allclose(p.sum(axis=-1), 1, atol=1e-3):
            raise _no_probabilities("categorical_crossentropy", "softmax")
        p = np.maximum(p, _TINY)
        return -labels / p, labels / p**2

    return _of_logits(softmax(), options, outputs, derivatives)


@LOSSES.register("sparse_categorical_crossentropy")
def _sparse_cross_entropy(outputs: np.ndarray, labels: np.ndarray, options: dict):
    if options.get("ignore_class") is not None:
        raise unknown("the loss has an `ignore_class`")
    return _cross_entropy(outputs, np.eye(outputs.shape[-1])[labels.reshape(outputs.shape[:-1]).astype(int)], options)


@LOSSES.register("binary_crossentropy")
def _binary_cross_entropy(outputs: np.ndarray, labels: np.ndarray, options: dict):
    smoothing = options.get("label_smoothing") or 0.0
    labels = labels.reshape(outputs.shape) * (1 - smoothing) + smoothing / 2

    def derivatives(p):
        if p.min() < 0 or p.max() > 1:
            raise _no_probabilities("binary_crossentropy", "sigmoid")
        yes, no = np.maximum(p, _TINY), np.maximum(1 - p, _TINY)
        first, second = (1 - labels) / no - labels / yes, (1 - labels) / no**2 + labels / yes**2
        return first / p.shape[-1], second / p.shape[-1]

    return _of_logits(elementwise(DERIVATIVES["sigmoid"]), options, outputs, derivatives)


def _of_logits(link: Step, options: dict, outputs: np.ndarray, derivatives: Callable):
    """The derivatives in probabilities, or in the logits that `link` makes probabilities of."""
    if not options.get("from_logits"):
        return derivatives(outputs)
    probabilities, back = link(outputs)
    ((first, second),) = back(*derivatives(probabilities))
    return first, second


def _no_probabilities(loss: str, activation: str) -> DataError:
    return DataError(
        f"'quadratic' needs a {activation} at the end of the model for {loss!r}, and its outputs are no probabilities. "
        "Pass the loss as an object that was made with `from_logits=True`."
    )
