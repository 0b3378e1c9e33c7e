"""The loss of a model that was saved without one, as its outputs and the labels say it."""

from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, ValuesError
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import align, as_outputs, functional

WITHOUT = "This needs a loss, and the model is not compiled with one."
PASS_ONE = "Pass one: loss='sparse_categorical_crossentropy'."


def inferred_loss(model: keras.Model, sampling: Sampling) -> tuple[Any, str]:
    """A loss for every output with labels, in the structure of the outputs, and a sentence that names them.

    Outputs that are a softmax are judged by a cross-entropy, outputs between 0 and 1 with labels of 0 and 1 by a binary
    one, class numbers for several outputs by a cross-entropy from logits, and all others by the mean squared error.

    Args:
        model: The model.
        sampling: Data with labels.

    Raises:
        DataError: There are no labels, or they are no numbers or of another structure than the outputs.
    """
    first = None if sampling.data is None else next(sampling.batches())
    if first is None or first.y is None:
        raise DataError(f"{WITHOUT} {PASS_ONE} It also needs data with labels: data=(x, y).")
    names = functional(model).output_names
    labels = align(first.y, names)
    if len(labels) != len(names):
        raise DataError(f"{WITHOUT} There are labels for {len(labels)} of {len(names)} outputs. {PASS_ONE}")
    outputs = keras.tree.flatten(model.predict_on_batch(first.x))
    losses = [
        None if label is None else loss_of_output(name, np.asarray(output, float), label)
        for name, output, label in zip(names, outputs, labels, strict=True)
    ]
    found = ", ".join(f"{loss.name!r} for {name!r}" for name, loss in zip(names, losses, strict=True) if loss)
    remark = f"The model is not compiled with a loss; its outputs and labels say {found}. Pass `loss` for another one."
    return (losses[0] if len(losses) == 1 else as_outputs(model, losses)), remark


def loss_of_output(name: str, outputs: np.ndarray, labels: np.ndarray) -> keras.losses.Loss:
    """The loss of one output, by some of its values and the labels of the same samples."""
    if labels.dtype.kind not in "biuf":
        raise ValuesError(words(name, labels))
    whole, classes = bool((labels == np.floor(labels)).all()), outputs.shape[-1] if outputs.ndim > 1 else 1
    probabilities = bool(outputs.min(initial=0) >= 0 and outputs.max(initial=0) <= 1 + 1e-3)
    sums_to_one = classes > 1 and probabilities and np.abs(outputs.sum(axis=-1) - 1).max(initial=0) < 1e-2
    numbers = whole and labels.min(initial=0) >= 0 and labels.size * classes == outputs.size and classes > 1
    if sums_to_one or (numbers and not probabilities):
        kind = keras.losses.SparseCategoricalCrossentropy if numbers else keras.losses.CategoricalCrossentropy
        return kind(from_logits=not sums_to_one)
    binary = bool(((labels == 0) | (labels == 1)).all())
    if binary and (probabilities or labels.dtype.kind in "biu"):
        return keras.losses.BinaryCrossentropy(from_logits=not probabilities)
    return keras.losses.MeanSquaredError()


def words(name: str, labels: np.ndarray) -> str:
    """What is wrong with labels that are no numbers, and how to mend it."""
    found = ", ".join(map(repr, np.unique(labels.astype(str).ravel())[:3].tolist()))
    return (
        f"The labels for output {name!r} must be numbers. Received {labels.dtype}: {found}. Number the classes: "
        "classes, y = numpy.unique(y, return_inverse=True)."
    )
