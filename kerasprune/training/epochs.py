"""Any kind of data as `fit` takes it, and how many steps an epoch of it has."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import Batch, DataError, arrays_of, batches, is_endless, length
from kerasprune.core.batches import MOST_SAMPLES

PART = 4096  # samples that are checked together


@dataclass(frozen=True, eq=False)
class Epochs:
    """Training data, and what is held out of it.

    Attributes:
        data: For `fit`.
        steps: Batches of an epoch.
        validation: Data that is not trained on; None if there is none.
        told: Batches that `fit` is told to take for an epoch; None where it sees the end of one.
        known: What can be read before the training: all of arrays and lists of batches, in parts, the first batch of a
            stream, nothing of a generator, of which no batch can be given back.
    """

    data: Any
    steps: int
    validation: Any
    told: int | None
    known: Sequence[Batch]

    @property
    def labelled(self) -> bool:
        """Whether it has labels; a generator is taken to have some."""
        return not self.known or self.known[0].y is not None


class Shuffled(keras.utils.PyDataset):
    """Batches of arrays in a random order, another one in every epoch, the same for the same seed.

    Args:
        arrays: All samples.
        batch_size: Samples per batch.
        seed: Of the orders.
    """

    def __init__(self, arrays: Batch, batch_size: int, seed: int):
        super().__init__()
        self.arrays, self.batch_size = arrays, batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int):
        return _as_tuple(self.arrays.rows(self.order[index * self.batch_size : (index + 1) * self.batch_size]))

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(self.arrays.size)


class Listed(keras.utils.PyDataset):
    """Batches that were made before, in their order."""

    def __init__(self, items: Sequence[Batch]):
        super().__init__()
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int):
        return _as_tuple(self.items[index])


def epochs_of(data: Any, validation: Any, batch_size: int, seed: int, steps_per_epoch: int | None = None) -> Epochs:
    """Make data ready for `fit`.

    Args:
        data: As in `finetune`.
        validation: As there.
        batch_size: As there.
        seed: As there.
        steps_per_epoch: As there.

    Raises:
        DataError: Nobody knows how long an epoch is, or a share is to be held out of data that is no arrays.
    """
    if data is None:
        raise DataError("There is no data: pass arrays, a tf.data.Dataset, a PyDataset or an iterable of batches.")
    arrays = arrays_of(data)
    if isinstance(validation, float):
        arrays, validation = _held_out(arrays, validation, seed, data)
    if arrays is not None:
        shuffled = Shuffled(arrays, batch_size, seed)
        parts = [arrays.rows(slice(start, start + PART)) for start in range(0, arrays.size, PART)]
        return Epochs(shuffled, len(shuffled), _readable(validation), steps_per_epoch, parts)
    if isinstance(data, (list, tuple)):
        listed = list(batches(data))
        return Epochs(Listed(listed), len(listed), _readable(validation), steps_per_epoch, listed)
    steps = steps_per_epoch or _count(data)
    known = [] if isinstance(data, Iterator) else [next(batches(data, limit=PART))]
    if isinstance(data, Iterator) or hasattr(data, "cardinality") or isinstance(data, keras.utils.PyDataset):
        return Epochs(data, steps, _readable(validation), steps_per_epoch, known)
    return Epochs(_again_and_again(data), steps, _readable(validation), steps, known)


def _again_and_again(data: Any) -> Iterator[tuple]:
    """The batches of a torch `DataLoader` or another iterable as Keras takes them, from the beginning after the end."""
    while True:
        yield from map(_as_tuple, batches(data, limit=sys.maxsize))


def _held_out(arrays: Batch | None, share: float, seed: int, data: Any) -> tuple[Batch, Batch]:
    """A share of the samples apart from the others, drawn at random."""
    if arrays is None:
        raise DataError(
            f"A share can be held out of arrays only. Received: {type(data).__name__}. Pass validation=(x, y)."
        )
    number = round(arrays.size * share)
    if not 0 < number < arrays.size:
        raise DataError(
            f"`validation` as a share must leave samples on both sides. Received: validation={share} of {arrays.size} "
            "samples. For 10 % use 0.1."
        )
    order = np.random.default_rng(seed).permutation(arrays.size)
    return arrays.rows(np.sort(order[number:])), arrays.rows(np.sort(order[:number]))


def _readable(validation: Any) -> Any:
    """The validation data for `evaluate`; it is read after every epoch."""
    if isinstance(validation, Iterator):
        raise DataError(
            "`validation` is read after every epoch, so it must not be a generator. Pass a list of batches."
        )
    arrays = arrays_of(validation)
    if arrays is not None:
        return arrays
    return Listed(list(batches(validation))) if isinstance(validation, (list, tuple)) else validation


def _count(data: Any) -> int:
    found = length(data)
    if found is not None:
        return found
    if isinstance(data, Iterator) or is_endless(data) or not hasattr(data, "__iter__"):
        raise DataError(
            f"{type(data).__name__} does not say how many batches an epoch has. Pass steps_per_epoch=..., a number."
        )
    count = seen = 0
    for batch in batches(data, limit=sys.maxsize):
        count, seen = count + 1, seen + batch.size
        if seen >= MOST_SAMPLES:
            raise DataError(
                f"The {type(data).__name__} has no end after {seen} samples. Pass steps_per_epoch=..., the batches of "
                "an epoch."
            )
    return count


def _as_tuple(batch: Batch) -> tuple:
    """As Keras takes a batch: without what is missing at the end, and tuples in place of lists."""
    parts = keras.tree.lists_to_tuples(tuple(batch))
    while parts[-1] is None:
        parts = parts[:-1]
    return parts
