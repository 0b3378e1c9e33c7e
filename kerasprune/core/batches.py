"""Any kind of data that Keras users have, as batches of numpy arrays."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from kerasprune.core.errors import DataError
from kerasprune.core.plain_arrays import is_leaf, is_structure, mapped, plain_arrays

MOST_SAMPLES = 2**18  # that are read of data whose length nobody knows, where no limit is given
MOST_BYTES = 2**32  # that are held of data that can be read only once


class Batch(NamedTuple):
    """One batch: `x` and `y` are an array or a (nested) list, tuple or dict of arrays; absent parts are None."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(_leaves(self.x)[0])

    def rows(self, part: slice | np.ndarray) -> "Batch":
        """Some of the samples."""
        return Batch(*(_each(lambda leaf: leaf[part], field) for field in self))


def batches(data: Any, batch_size: int = 32, *, limit: int | None = None, x_only: bool = False) -> Iterator[Batch]:
    """Yield the batches of `data`.

    Args:
        data: One of: an array, a DataFrame or nested lists of numbers (inputs without labels); a tuple `(x, y)` or
            `(x, y, sample_weight)` of these or of structures of these; a dict of input arrays; a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a torch `DataLoader` or any other iterable of batches, which keeps its own batch
            size.
        batch_size: Samples per batch, for arrays.
        limit: Stop after this many samples (the last batch is cut); None for all.
        x_only: A bare tuple of arrays is several inputs, not `(x, y)`.

    Raises:
        DataError: The data is empty, sparse or without an end, or its arrays have different lengths.
    """
    require_limit(data, limit)
    seen, endless = 0, limit is None and length(data) is None
    for batch in _raw_batches(data, batch_size, x_only):
        _check(batch)
        if limit is not None and seen + batch.size > limit:
            batch = batch.rows(slice(0, limit - seen))
        if batch.size == 0:
            break
        seen += batch.size
        yield batch
        if limit is not None and seen >= limit:
            break
        if endless and seen >= MOST_SAMPLES:
            raise DataError(f"The data has no end after {seen} samples. {_SAY_LIMIT}")
    if not seen:
        raise DataError("The data is empty: it yields no sample.")


_SAY_LIMIT = "Pass `limit`, the number of samples that are used at most: limit=10000."


def as_arrays(data: Any, limit: int | None = None) -> Batch:
    """All of `data` (at most `limit` samples) as one batch; see `batches`."""
    parts = list(batches(data, 256, limit=limit))
    if len(parts) == 1:
        return parts[0]
    return Batch(*(_concatenate([part[i] for part in parts]) for i in range(3)))


def rereadable(data: Any, batch_size: int = 32, limit: int | None = None) -> Any:
    """The data itself, or the batches of what can be read only once, such as a generator.

    Raises:
        DataError: As in `batches`; or what had to be held is large.
    """
    if not isinstance(data, Iterator):
        return data
    held, size = [], 0
    for batch in batches(data, batch_size, limit=limit):
        size += sum(leaf.nbytes for field in batch for leaf in _leaves(field) if leaf is not None)
        if size > MOST_BYTES:
            raise DataError(
                f"A generator is read once and held, and this one has yielded {size / 2**30:.0f} GiB. {_SAY_LIMIT}"
            )
        held.append(batch)
    return held


def length(data: Any) -> int | None:
    """How many samples arrays, or how many batches anything else holds; None where that is not known."""
    try:
        return len(_leaves(data)[0]) if is_whole(data) else len(data)
    except (TypeError, NotImplementedError):  # no length, or an infinite tf.data.Dataset
        return None


def is_endless(data: Any) -> bool:
    """Whether data says that it has no end."""
    cardinality = getattr(data, "cardinality", None)
    if callable(cardinality) and int(cardinality()) == -1:  # as a tf.data.Dataset says it
        return True
    return _is_py_dataset(data) and length(data) is None


def require_limit(data: Any, limit: int | None) -> None:
    """Check that data which says that it has no end comes with a limit.

    Raises:
        DataError: It does not, or the limit is no number of samples.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 1):
        raise DataError(f"`limit` must be a number of samples of at least 1, or None. Received: limit={limit!r}.")
    if limit is None and is_endless(data):
        raise DataError(f"The {type(data).__name__} repeats without an end. {_SAY_LIMIT}")


def arrays_of(data: Any) -> Batch | None:
    """The arrays of `data` as one batch, without a copy; None where it is no arrays, but comes in batches."""
    if data is None or not is_whole(data):
        return None
    (batch,) = _raw_batches(data, sys.maxsize, False)
    _check(batch)
    return batch


def _raw_batches(data, batch_size, x_only) -> Iterator[Batch]:
    if data is None:
        raise DataError("There is no data: pass arrays, a tf.data.Dataset, a PyDataset or an iterable of batches.")
    if is_whole(data):
        yield from _slices(_unpack(data, x_only), batch_size)
    elif _is_py_dataset(data):
        count = length(data)
        numbers = iter(int, 1) if count is None else range(count)
        yield from (_unpack(data[index], False) for index, _ in enumerate(numbers))
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes)):
        yield from (_unpack(item, False, of_batches=True) for item in data)
    else:
        raise DataError(
            "Data must be arrays, a tf.data.Dataset, a keras.utils.PyDataset, a torch DataLoader or an iterable of "
            "batches. "
            f"Received: {type(data).__name__}."
        )


def is_whole(data) -> bool:
    """Whether this is all of the data, and not its batches."""
    if isinstance(data, (Mapping, tuple)):
        return is_structure(data)
    return is_leaf(data) and not isinstance(data, (str, bytes, bool, int, float))


def _slices(whole: Batch, batch_size: int) -> Iterator[Batch]:
    _check(whole)
    for start in range(0, whole.size, batch_size):
        yield whole.rows(slice(start, start + batch_size))


def _check(batch: Batch) -> None:
    leaves = [leaf for part in batch for leaf in _leaves(part) if leaf is not None]
    if not leaves or any(leaf.ndim == 0 for leaf in leaves):
        raise DataError(
            "Every array must have a first axis of samples, and one does not. A dataset of single samples needs "
            "`.batch(32)`."
        )
    lengths = {len(leaf) for leaf in leaves}
    if len(lengths) > 1:
        raise DataError(f"All arrays must have the same number of samples. Received lengths: {sorted(lengths)}.")


def _unpack(item, x_only, of_batches: bool = False) -> Batch:
    if isinstance(item, Batch):
        return item
    if not is_structure(item):
        raise DataError(
            f"A batch must be arrays, (x, y) or (x, y, sample_weight). Received: {type(item).__name__} in the data."
        )
    whole = is_leaf(item) and not isinstance(item, tuple)
    # A torch DataLoader yields lists, and Keras takes a list among batches for a tuple.
    several = isinstance(item, tuple) or (isinstance(item, list) and of_batches)
    parts = tuple(item) if several and not whole and not x_only and len(item) in (1, 2, 3) else (item,)
    return Batch(*map(plain_arrays, parts))


def _is_py_dataset(data) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "on_epoch_end")


def _leaves(structure) -> list:
    if isinstance(structure, Mapping):
        return [leaf for value in structure.values() for leaf in _leaves(value)]
    if isinstance(structure, (list, tuple)) and not is_leaf(structure):
        return [leaf for value in structure for leaf in _leaves(value)]
    return [] if structure is None else [structure]


def _each(function, structure):
    """`function` of every array of a structure."""
    if isinstance(structure, (Mapping, list, tuple)):
        return mapped(lambda part: _each(function, part), structure)
    return None if structure is None else function(structure)


def _concatenate(structures):
    if structures[0] is None:
        return None
    if isinstance(structures[0], Mapping):
        return {key: _concatenate([s[key] for s in structures]) for key in structures[0]}
    if isinstance(structures[0], (list, tuple)):
        return type(structures[0])(_concatenate(list(parts)) for parts in zip(*structures, strict=True))
    return np.concatenate(structures)
