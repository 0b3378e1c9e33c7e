"""The inputs on which an export is calibrated and checked."""

import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasprune.core.batches import batches
from kerasprune.core.errors import DataError
from kerasprune.tflite.signature import InputSpec, flat_inputs


def draw_samples(model: keras.Model, data: Any, count: int, seed: int) -> list[np.ndarray]:
    """At most `count` samples of `data`, chosen at random.

    From arrays they are drawn from the whole, so that data sorted by class is no trap; from an iterable, from the first
    batches that hold `count` samples.

    Args:
        model: Says the order and the shapes of its inputs.
        data: Any of the kinds of `kerasprune.core.batches`; labels are ignored.
        count: How many.
        seed: Decides which ones.

    Returns:
        One array (n, ...) per model input, in the order of the data.
    """
    parts, size = [], 0
    for batch in batches(data, batch_size=sys.maxsize):
        parts.append(batch.x)
        size += batch.size
        if size >= count:
            break
    chosen = np.sort(np.random.default_rng(seed).permutation(size)[:count])
    picked = [flat_inputs(model, part) for part in _pick(parts, chosen)]
    samples = [np.concatenate(pieces) for pieces in zip(*picked, strict=True)]
    if not all(np.isfinite(array).all() for array in samples):
        raise DataError("The data holds NaN or infinite values: nothing can be measured on them.")
    return samples


def random_samples(model: keras.Model, specs: tuple[InputSpec, ...], count: int, seed: int) -> list[np.ndarray]:
    """`count` random samples: standard normal numbers, or integers that every `Embedding` of the model knows.

    Returns:
        One array (count, ...) per input.
    """
    rng = np.random.default_rng(seed)
    limit = min(_vocabularies(model), default=2)
    # Only the batch axis of a specification can be open.
    return [random_array(rng, (count, *spec.shape[1:]), spec.dtype, limit) for spec in specs]  # type: ignore[arg-type]


def random_array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, limit: int = 2) -> np.ndarray:
    """Standard normal numbers of a float type; integers in [0, limit) of any other."""
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, limit, shape).astype(dtype)


def _pick(parts: list, chosen: np.ndarray) -> Iterator[Any]:
    """Of each part of a longer sequence, the samples whose index in the whole is in `chosen`."""
    start = 0
    for part in parts:
        size = len(keras.tree.flatten(part)[0])
        local = chosen[(chosen >= start) & (chosen < start + size)] - start
        start += size
        if len(local):
            yield keras.tree.map_structure(lambda leaf, local=local: leaf[local], part)


def _vocabularies(layer: keras.Layer) -> Iterator[int]:
    """How many integers each `Embedding` inside a layer or model can look up."""
    if isinstance(layer, keras.layers.Embedding):
        yield layer.input_dim
    for inner in getattr(layer, "layers", None) or [getattr(layer, "layer", None)]:
        if inner is not None:
            yield from _vocabularies(inner)
