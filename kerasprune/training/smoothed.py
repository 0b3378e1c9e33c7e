"""Losses with smoothed labels."""

from typing import Any

import keras
from keras import ops

from kerasprune.core import OptionError


class SmoothedClasses(keras.losses.Loss):
    """The cross-entropy of class numbers, with a share of the label spread evenly over all classes.

    Args:
        loss: A `keras.losses.SparseCategoricalCrossentropy`.
        smoothing: The share, in [0, 1).

    Reference:
        Szegedy et al., Rethinking the Inception Architecture, arXiv 1512.00567, section 7:
        `(1 - e) CE(y, q) + e / K sum_k CE(k, q)` for K classes.
    """

    def __init__(self, loss: keras.losses.Loss, smoothing: float):
        super().__init__(name=loss.name)
        self.loss, self.smoothing = loss, smoothing

    def call(self, y_true, y_pred):
        """From class numbers and outputs (..., K) to the loss of every position (...)."""
        axis = self.loss.get_config().get("axis", -1)
        from_logits = self.loss.get_config().get("from_logits", False)
        logarithms = ops.log_softmax(y_pred, axis) if from_logits else ops.log(ops.maximum(y_pred, 1e-7))
        own = self.loss.call(y_true, y_pred)
        return (1 - self.smoothing) * own - self.smoothing * ops.mean(logarithms, axis=axis)


def smoothed(loss: Any, smoothing: float) -> Any:
    """A structure of losses, each with smoothed labels.

    Args:
        loss: Names or objects of Keras' cross-entropies.
        smoothing: Share of a label that is spread over all classes, in [0, 1).

    Raises:
        OptionError: The share is out of range, or one is no cross-entropy.
    """
    if not 0 <= smoothing < 1:
        raise OptionError(f"`label_smoothing` must be in [0, 1). Received: label_smoothing={smoothing!r}.")
    if not smoothing:
        return loss
    return keras.tree.map_structure(lambda each: None if each is None else _smoothed(each, smoothing), loss)


def _smoothed(loss: Any, smoothing: float) -> keras.losses.Loss:
    found = keras.losses.get(loss)
    name = getattr(found, "__name__", type(found).__name__)
    plain = {function: kind for function, kind in _KINDS.items() if getattr(keras.losses, function) is found}
    if plain:
        (kind,) = plain.values()
        found = kind()
    if isinstance(found, keras.losses.SparseCategoricalCrossentropy):
        return SmoothedClasses(found, smoothing)
    if isinstance(found, (keras.losses.CategoricalCrossentropy, keras.losses.BinaryCrossentropy)):
        return type(found).from_config({**found.get_config(), "label_smoothing": smoothing})
    raise OptionError(f"`label_smoothing` is for cross-entropies. Received the loss {name!r}. Leave the argument out.")


_KINDS = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
}
