"""Random inputs for a model, where the user gives none."""

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError, batches
from kerasprune.graph import as_inputs, functional, operations

# Entries of a sample above which one sample must do: a model on images of 600 x 600 holds gigabytes for each of them.
LARGE = 2**19


def random_inputs(model: keras.Model, graph: ChannelGraph, seed: int = 0, batch_size: int | None = None):
    """Standard normal inputs; whole numbers where the model takes such, within the range of its embeddings.

    Args:
        model: The model.
        graph: Its trace.
        seed: Of the random numbers.
        batch_size: Number of samples; None for two, or one where a sample has more than 2**19 entries.

    Returns:
        Arrays in the structure of the model's inputs, with `batch_size` samples, at the graph's input shapes.

    Raises:
        DataError: An input takes neither numbers nor booleans.
    """
    rng = np.random.default_rng(seed)
    tables = [layer.input_dim for layer in operations(model).values() if isinstance(layer, keras.layers.Embedding)]
    limit = min(tables, default=2)
    tensors = functional(model).inputs
    fixed = [tensor.shape[0] for tensor in tensors if tensor.shape[0] is not None]
    if batch_size is None:
        batch_size = 1 if max(np.prod(shape[1:], dtype=float) for shape in graph.input_shapes) > LARGE else 2
    size = fixed[0] if fixed else batch_size
    arrays = [
        _random(rng, tensor, (size, *shape[1:]), limit)
        for tensor, shape in zip(tensors, graph.input_shapes, strict=True)
    ]
    return as_inputs(model, arrays)


def first_samples(data, limit: int = 32):
    """The inputs of the first samples of any data, 32 at most and fewer where they are large."""
    first = next(batches(data, limit, limit=limit)).x
    entries = sum(np.prod(np.shape(leaf)[1:], dtype=float) for leaf in keras.tree.flatten(first))
    count = max(1, min(limit, int(4 * LARGE // max(entries, 1))))
    return keras.tree.map_structure(lambda leaf: leaf[:count], first)


def _random(rng, tensor, shape, limit: int) -> np.ndarray:
    kind = (
        np.dtype(keras.backend.standardize_dtype(tensor.dtype)) if tensor.dtype not in ("string", "bfloat16") else None
    )
    if tensor.dtype == "string":
        raise DataError(f"Input `{tensor.name}` takes strings: pass `inputs`.")
    if kind is not None and kind.kind in "iu":
        return rng.integers(0, limit, shape).astype(kind)
    if kind is not None and kind.kind == "b":
        return rng.random(shape) < 0.5
    return rng.standard_normal(shape).astype("float32")
