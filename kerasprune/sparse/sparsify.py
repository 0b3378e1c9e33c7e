"""A model whose weights become sparse while it trains."""

import math

import keras

from kerasprune.core import OptionError
from kerasprune.graph import Rebuild, functional, runnable, trace, unrolled
from kerasprune.sparse.method import METHODS
from kerasprune.sparse.sparse_weights import SparseWeights, kernel_positions


def sparsify(
    model: keras.Model,
    sparsity: float | None = None,
    method: str = "gumbel",
    *,
    weights: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    **options,
) -> keras.Model:
    """Build a model that learns, in ordinary `fit`, which of its weights to do without.

    Compile it as you like and fit it; then `strip` gives the plain model with zeros in its weights, and `slim` removes
    the neurons that have died. The kernels of all layers that have some compete; biases, normalization and embeddings
    are left alone.

    Args:
        model: The model; it is not touched.
        sparsity: The share of the kernels' weights that shall be zero in the end, in [0, 1).
        method: "gumbel" samples gates that are trained with the weights; with a target they meet it by a schedule,
            without one they are the published method, with a penalty on the density. "magnitude" keeps the largest
            weights, fewer and fewer.
        weights: In place of `sparsity`, how many weights shall be left.
        steps: How many batches it will be trained on: epochs times batches per epoch. Needed where there is a target.
        seed: Everything drawn at random follows from it.
        **options: Those of the method, for example `settle=0.8` or `rate=5.0`.

    Returns:
        A model with the inputs, the outputs (same names, same order) and the weights of `model`. It is not compiled.

    Raises:
        OptionError: The method is unknown, the target is out of range or given twice, `steps` is missing, the model has
            no kernels or is sparse already.
        GraphError: The model cannot be traced.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    >>> sparse = sparsify(model, sparsity=0.5, method="magnitude", steps=100)
    >>> sparse.output_shape
    (None, 2)
    """
    build = METHODS[method]
    flat, _ = unrolled(model)
    if any(isinstance(layer, SparseWeights) for layer in flat.layers):
        raise OptionError(f"{model.name!r} is sparse already. Call `strip` on it first, or go on training it.")
    opened = runnable(Rebuild(trace(flat)).run(flat))
    copy = opened.runs
    gated = kernel_positions(copy)
    size = sum(math.prod(copy.weights[position].shape) for position in gated)
    kept = _kept(size, sparsity, weights)
    if opened.origin is not None:
        options["origin"] = opened.origin
    layer = build(copy, kept, steps, seed, name="sparse_weights", gated=gated, **options)
    return _around(layer, model.name)


def _kept(size: int, sparsity: float | None, weights: int | None) -> int | None:
    """How many of `size` weights shall be left; None without a target."""
    if sparsity is not None and weights is not None:
        raise OptionError(f"Pass `sparsity` or `weights`, not both. Received: {sparsity=}, {weights=}.")
    if sparsity is not None and not 0 <= sparsity < 1:
        raise OptionError(f"`sparsity` must be in [0, 1). Received: {sparsity=}. For 90 % zeros use 0.9.")
    if size and weights is not None and not 1 <= weights <= size:
        raise OptionError(f"`weights` must be between 1 and {size:,}, all that there are. Received: {weights=}.")
    return weights if sparsity is None else max(round((1 - sparsity) * size), 1)


def _around(layer: SparseWeights, name: str) -> keras.Model:
    """The functional model that consists of this one layer, with the names of the model inside."""
    inner = functional(layer.layer)
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name, sparse=tensor.sparse)
        for tensor in inner.inputs
    ]
    structured = keras.tree.pack_sequence_as(inner._inputs_struct, inputs)
    outputs = keras.tree.flatten(layer(structured))
    named = [
        keras.layers.Identity(name=title)(tensor) for title, tensor in zip(inner.output_names, outputs, strict=True)
    ]
    return keras.Model(structured, keras.tree.pack_sequence_as(inner._outputs_struct, named), name=name)
