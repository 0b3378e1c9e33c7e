"""The user's data, how it is read, and its batches as they fit a model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from kerasprune.core import Batch, DataError, ValuesError, batches, require_limit, rereadable
from kerasprune.evidence.progress import batch_count, tracked
from kerasprune.graph import align_inputs, as_inputs, functional


class LabelCheck(Protocol):
    """What labels and sample weights are checked by."""

    def fitted(self, batch: Batch) -> Batch:
        """The batch, as the loss takes it."""


@dataclass(frozen=True, eq=False)
class Sampling:
    """Data, and how models are run on it.

    Attributes:
        data: Data of any kind that `kerasprune.core.batches` knows, or None; the batches of a generator are held.
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

    def __post_init__(self):
        require_limit(self.data, self.limit)  # before any work
        object.__setattr__(self, "data", rereadable(self.data, self.batch_size, self.limit))

    def batches(self) -> Iterator[Batch]:
        """The batches, as they come; see `kerasprune.core.batches`."""
        return batches(self.data, self.batch_size, limit=self.limit)

    def feed(self, model: keras.Model, terms: LabelCheck | None = None) -> Iterator[Batch]:
        """Batches of at most `batch_size` samples, checked against a model.

        Args:
            model: The model that the data is for.
            terms: Checks labels and sample weights. None if no labels are needed; then they are left out.

        Raises:
            DataError: The data is empty or does not fit the model, or has no labels where they are needed.
        """
        model = functional(model)
        for batch in self.batches():
            batch = batch._replace(x=as_inputs(model, _checked_inputs(model, batch.x)))
            if terms is None:
                batch = Batch(batch.x)
            elif batch.y is None:
                raise DataError("This needs labels, and the data has none. Pass data=(x, y).")
            else:
                batch = terms.fitted(batch)
            for start in range(0, batch.size, self.batch_size):
                yield batch.rows(slice(start, start + self.batch_size))

    def tracked(self, found: Iterable[Batch], what: str) -> Iterator[Batch]:
        """The batches with a progress bar, if it shall be shown, that says in a word or two what is being done."""
        return tracked(found, what, batch_count(self.data, self.batch_size, self.limit), self.progress)


def filled(batch: Batch, size: int) -> Batch:
    """Fill a batch up to `size` samples with repeats of its first one, which weigh nothing."""
    weight = np.ones(batch.size, "float32") if batch.sample_weight is None else batch.sample_weight
    missing = size - batch.size

    def weigh_nothing(array):
        return np.concatenate([array, np.zeros((missing, *array.shape[1:]))]).astype("float32")

    return repeated(batch, size)._replace(sample_weight=_map(weigh_nothing, weight))


def repeated(batch: Batch, size: int) -> Batch:
    """Fill a batch up to `size` samples with repeats of its first one."""
    missing = size - batch.size

    def fill(array):
        return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array

    return Batch(*(_map(fill, field) for field in batch))


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


def _checked_inputs(model, x) -> list[np.ndarray]:
    """The arrays in the order of the model's inputs."""
    names = [tensor.name for tensor in model.inputs]
    arrays = align_inputs(x, model.inputs)
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
        if (array.dtype.kind in "OSU") != (tensor.dtype == "string"):
            raise DataError(f"Input {tensor.name!r} of the model takes {tensor.dtype}. Received data of {array.dtype}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValuesError(
                f"The data for input {tensor.name!r} holds NaN or infinity. Leave these samples out, or fill them in."
            )
    return arrays


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))


def _map(function, structure):
    return keras.tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)
