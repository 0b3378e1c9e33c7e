"""Any kind of data that Keras users have, as batches of numpy arrays."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from kerasprune.core.errors import DataError


class Batch(NamedTuple):
    """One batch: `x` and `y` are an array or a (nested) list, tuple or dict of arrays; absent parts are None."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(_leaves(self.x)[0])


def batches(data: Any, batch_size: int = 32, *, limit: int | None = None, x_only: bool = False) -> Iterator[Batch]:
    """Yield the batches of `data`.

    Args:
        data: One of: an array (inputs without labels); a tuple `(x, y)` or `(x, y, sample_weight)` of arrays or
            structures of arrays; a dict of input arrays; a `tf.data.Dataset`, a `keras.utils.PyDataset`, a torch
            `DataLoader` or any other iterable of batches, which keeps its own batch size.
        batch_size: Samples per batch, for arrays.
        limit: Stop after this many samples (the last batch is cut); None for all.
        x_only: A bare tuple of arrays is several inputs, not `(x, y)`.

    Raises:
        DataError: The data is empty, or its arrays have different lengths.
    """
    seen = 0
    for batch in _raw_batches(data, batch_size, x_only):
        if limit is not None and seen + batch.size > limit:
            batch = take(batch, slice(0, limit - seen))
        if batch.size == 0:
            break
        seen += batch.size
        yield batch
        if limit is not None and seen >= limit:
            break
    if not seen:
        raise DataError("The data is empty: it yields no sample.")


def as_arrays(data: Any, limit: int | None = None) -> Batch:
    """All of `data` (at most `limit` samples) as one batch; see `batches`."""
    parts = list(batches(data, 256, limit=limit))
    if len(parts) == 1:
        return parts[0]
    return Batch(*(_concatenate([part[i] for part in parts]) for i in range(3)))


def arrays_of(data: Any) -> Batch | None:
    """The arrays of `data` as one batch, without a copy; None where it is no arrays, but comes in batches."""
    if data is None or not _is_structure_of_arrays(data):
        return None
    batch = _unpack(data, False)
    _check_lengths(batch)
    return batch


def _raw_batches(data, batch_size, x_only) -> Iterator[Batch]:
    if data is None:
        raise DataError("There is no data: pass arrays, a tf.data.Dataset, a PyDataset or an iterable of batches.")
    if _is_structure_of_arrays(data):
        yield from _slices(_unpack(data, x_only), batch_size)
    elif _is_py_dataset(data):
        yield from (_unpack(data[i], False) for i in range(len(data)))
    elif isinstance(data, Iterable):
        yield from (_unpack(item, False) for item in data)
    else:
        raise DataError(
            "Data must be arrays, a tf.data.Dataset, a keras.utils.PyDataset or an iterable of batches. "
            f"Received: {type(data).__name__}."
        )


def _slices(arrays: Batch, batch_size: int) -> Iterator[Batch]:
    _check_lengths(arrays)
    for start in range(0, arrays.size, batch_size):
        yield take(arrays, slice(start, start + batch_size))


def _check_lengths(arrays: Batch) -> None:
    lengths = {len(leaf) for part in arrays if part is not None for leaf in _leaves(part)}
    if len(lengths) > 1:
        raise DataError(f"All arrays must have the same number of samples. Received lengths: {sorted(lengths)}.")


def _unpack(item, x_only) -> Batch:
    if isinstance(item, Batch):
        parts = tuple(item)
    elif isinstance(item, tuple) and not x_only and len(item) in (1, 2, 3):
        parts = item
    elif isinstance(item, list) and not x_only and len(item) == 2:  # a torch DataLoader yields [x, y]
        parts = tuple(item)
    else:
        parts = (item,)
    return Batch(*(None if part is None else _map(np.asarray, part) for part in parts))


def _is_array(value) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")


def _is_structure_of_arrays(data) -> bool:
    if isinstance(data, Mapping):
        return bool(data) and all(_is_structure_of_arrays(value) for value in data.values())
    if isinstance(data, tuple):
        return bool(data) and all(
            value is None or _is_structure_of_arrays(tuple(value) if isinstance(value, list) else value)
            for value in data
        )
    return _is_array(data)


def _is_py_dataset(data) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and hasattr(data, "on_epoch_end")


def _leaves(structure) -> list:
    if isinstance(structure, Mapping):
        return [leaf for value in structure.values() for leaf in _leaves(value)]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in _leaves(value)]
    return [structure]


def _map(function, structure):
    if isinstance(structure, Mapping):
        return {key: _map(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_map(function, value) for value in structure)
    return function(structure)


def take(batch: Batch, part: slice | np.ndarray) -> Batch:
    """Some samples of a batch: a slice of them, or those with these numbers."""
    return Batch(*(None if field is None else _map(lambda leaf: leaf[part], field) for field in batch))


def _concatenate(structures):
    if structures[0] is None:
        return None
    if isinstance(structures[0], Mapping):
        return {key: _concatenate([s[key] for s in structures]) for key in structures[0]}
    if isinstance(structures[0], (list, tuple)):
        return type(structures[0])(_concatenate(list(parts)) for parts in zip(*structures, strict=True))
    return np.concatenate(structures)
