"""The inputs on which an export is calibrated and checked."""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasprune.core.batches import Batch, batches
from kerasprune.tflite.signature import InputSpec, flat_inputs


class DrawnSamples(NamedTuple):
    """Samples of the data.

    Attributes:
        x: One array (n, ...) per model input.
        y: The labels, in their own structure; None where the data has none.
    """

    x: list[np.ndarray]
    y: Any


def draw_samples(model: keras.Model, data: Any, count: int, seed: int) -> DrawnSamples:
    """At most `count` samples of `data`, chosen at random.

    From arrays they are drawn from the whole, so that data sorted by class is no trap; from an iterable, from the first
    batches that hold `count` samples.

    Args:
        model: Says the order and the shapes of its inputs.
        data: Any of the kinds of `kerasprune.core.batches`.
        count: How many.
        seed: Decides which ones.

    Returns:
        The samples, in the order of the data.

    Raises:
        DataError: The data is empty, does not fit the model, or holds values that are not finite.
    """
    parts, size = [], 0
    for batch in batches(data, batch_size=sys.maxsize):
        parts.append(batch)
        size += batch.size
        if size >= count:
            break
    chosen = np.sort(np.random.default_rng(seed).permutation(size)[:count])
    picked = list(_pick(parts, chosen))
    inputs = [flat_inputs(model, part.x) for part in picked]
    samples = [np.concatenate(pieces) for pieces in zip(*inputs, strict=True)]
    labels = [part.y for part in picked]
    if any(label is None for label in labels):
        return DrawnSamples(samples, None)
    return DrawnSamples(samples, keras.tree.map_structure(lambda *leaves: np.concatenate(leaves), *labels))


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


def _pick(parts: list[Batch], chosen: np.ndarray) -> Iterator[Batch]:
    """Of each part of a longer sequence, the samples whose index in the whole is in `chosen`."""
    start = 0
    for part in parts:
        local = chosen[(chosen >= start) & (chosen < start + part.size)] - start
        start += part.size
        if len(local):
            yield part.rows(local)


def _vocabularies(layer: keras.Layer) -> Iterator[int]:
    """How many integers each `Embedding` inside a layer or model can look up."""
    if isinstance(layer, keras.layers.Embedding):
        yield layer.input_dim
    for inner in getattr(layer, "layers", None) or [getattr(layer, "layer", None)]:
        if inner is not None:
            yield from _vocabularies(inner)
