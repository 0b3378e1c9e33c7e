"""The user's data, how it is read, and its batches as they fit a model."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import Batch, DataError, batches
from kerasprune.evidence.progress import batch_count, tracked
from kerasprune.graph import align, functional


@dataclass(frozen=True, eq=False)
class Sampling:
    """Data, and how models are run on it.

    Attributes:
        data: Data of any kind that `kerasprune.core.batches` knows, or None.
        loss: A loss of Keras by name or as an object, a callable, or a structure of these; None for the model's own.
        batch_size: Samples that are run together.
        limit: Samples that are used at most; None for all.
        seed: For what is drawn at random.
        progress: Whether to show a progress bar.
    """

    data: Any = None
    loss: Any = None
    batch_size: int = 32
    limit: int | None = None
    seed: int = 0
    progress: bool = False

    def batches(self) -> Iterator[Batch]:
        """The batches, as they come; see `kerasprune.core.batches`."""
        return batches(self.data, self.batch_size, limit=self.limit)

    def feed(self, model: keras.Model, losses: Any = None) -> Iterator[Batch]:
        """Batches of at most `batch_size` samples, checked against a model.

        Args:
            model: The model that the data is for.
            losses: Functions of labels and outputs, in the structure of the outputs or one for all. None if no labels
                are needed; then they are left out.

        Raises:
            DataError: The data is empty or does not fit the model, or has no labels where they are needed.
        """
        model = functional(model)
        for batch in self.batches():
            _check_inputs(model, batch.x)
            if losses is None:
                batch = Batch(batch.x)
            else:
                _check_labels(model, batch.y, losses)
                _check_weights(batch)
            for start in range(0, batch.size, self.batch_size):
                yield Batch(*(_rows(field, slice(start, start + self.batch_size)) for field in batch))

    def tracked(self, found: Iterable[Batch], what: str) -> Iterator[Batch]:
        """The batches with a progress bar, if it shall be shown, that says in a word or two what is being done."""
        return tracked(found, what, batch_count(self.data, self.batch_size, self.limit), self.progress)


def filled(batch: Batch, size: int) -> Batch:
    """Fill a batch up to `size` samples with repeats of its first one, which weigh nothing."""
    missing = size - batch.size

    def fill(array):
        return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array

    weight = np.ones(batch.size, "float32") if batch.sample_weight is None else batch.sample_weight
    weight = keras.tree.map_structure(
        lambda array: np.concatenate([np.ravel(array), np.zeros(missing)]).astype("float32"), weight
    )
    return Batch(_map(fill, batch.x), _map(fill, batch.y), weight)


def class_numbers(labels: Any, outputs: Any) -> np.ndarray | None:
    """The class of every sample, int (samples,), where the labels name one of the classes of `outputs`; else None."""
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    (labels,) = keras.tree.flatten(labels)
    if labels.ndim == 2 and labels.shape[1] == outputs.shape[1]:
        one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
        return labels.argmax(axis=1) if one_hot else None
    whole = labels.size == len(labels) and (labels == np.floor(labels)).all()
    return labels.reshape(-1).astype(int) if whole else None


def _check_inputs(model, x) -> None:
    names = [tensor.name for tensor in model.inputs]
    arrays = align(x, names)
    if len(arrays) != len(model.inputs):
        raise DataError(
            f"The model has {len(model.inputs)} inputs ({', '.join(names)}); the data has {len(arrays)}. "
            "Pass data=(x, y), where x is a list or a dict of arrays if the model has several inputs."
        )
    for tensor, array in zip(model.inputs, arrays, strict=True):
        if not _fits(array.shape[1:], tensor.shape[1:]):
            raise DataError(
                f"Input {tensor.name!r} of the model has shape {tensor.shape}. Received data of shape {array.shape}."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"The data for input {tensor.name!r} holds NaN or infinity.")


def _check_labels(model, y, losses) -> None:
    if y is None:
        raise DataError("This criterion needs labels, and the data has none. Pass data=(x, y).")
    names = model.output_names
    arrays = align(y, names)
    functions = align(losses, names) if isinstance(losses, (Mapping, list, tuple)) else [losses] * len(names)
    if not len(arrays) == len(functions) == len(names):
        raise DataError(
            f"The model has {len(names)} outputs ({', '.join(names)}); "
            f"there are labels for {len(arrays)} and losses for {len(functions)} of them."
        )
    for tensor, array, function, name in zip(model.outputs, arrays, functions, names, strict=True):
        if array is not None and function is not None:
            _check_label(name, tuple(tensor.shape[1:]), array, function)


def _check_label(name: str, expected: tuple, array: np.ndarray, function) -> None:
    """What a loss of Keras would broadcast in silence, or fail on far from here; other losses know their labels."""
    if not function.of_keras:
        return
    shape = array.shape[1:]
    classes = expected[-1] if expected else None
    per_position = _fits(shape, expected[:-1]) or _fits(shape, (*expected[:-1], 1))
    if function.sparse:
        if not per_position:
            raise DataError(
                f"The loss {function.name!r} takes one class number for output {name!r} of shape {expected}. "
                f"Received labels of shape {array.shape}."
            )
        if classes is not None and array.size and not 0 <= array.min() <= array.max() < classes:
            raise DataError(
                f"The labels for output {name!r} must be class numbers from 0 to {classes - 1}. "
                f"Received: {array.min()} to {array.max()}."
            )
    elif not _fits(shape, expected) and not (classes == 1 and per_position):
        raise DataError(
            f"The loss {function.name!r} takes labels of the shape of output {name!r}, {expected}. "
            f"Received labels of shape {array.shape}."
        )


def _check_weights(batch: Batch) -> None:
    for array in keras.tree.flatten(batch.sample_weight):
        if array is not None and np.size(array) != batch.size:
            raise DataError(f"Sample weights must be one number per sample. Received: shape {np.shape(array)}.")


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))


def _rows(structure, part: slice):
    return _map(lambda array: array[part], structure)


def _map(function, structure):
    return keras.tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)
