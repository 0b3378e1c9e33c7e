"""A model whose weights become sparse while it trains."""

import math
from collections.abc import Collection

import keras

from kerasprune.core import OptionError
from kerasprune.graph import Rebuild, in_class_of, layers_inside, runnable, trace, unrolled
from kerasprune.scheduled import ScheduledModel, model_around
from kerasprune.selection import Budget
from kerasprune.sparse.kernels import kernel_positions
from kerasprune.sparse.sparse import Sparse
from kerasprune.sparse.weight_gates import METHODS


def sparsify(
    model: keras.Model,
    sparsity: float | None = None,
    method: str = "gumbel",
    *,
    weights: int | None = None,
    budget: Budget | None = None,
    protect: Collection[str] = (),
    seed: int = 0,
    **options,
) -> ScheduledModel:
    """Build a model that learns, in ordinary `fit`, which of its weights to do without.

    Compile it as you like and fit it; then `slim` removes the neurons that have died, and `strip` gives the plain model
    with zeros in its weights. The kernels of all layers that have some compete; biases, normalization and embeddings
    are left alone.

    Args:
        model: The model; it is not touched.
        sparsity: The share of the kernels' weights that shall be zero in the end, in [0, 1).
        method: "gumbel" samples gates that are trained with the weights and meet the target by a schedule; "magnitude"
            keeps the largest weights, fewer and fewer; "rigl" and "set" keep the number from the first step on, and
            move weights to where the gradient is largest, or at random. Without a target: "penalty" is the published
            method, with a penalty on the density, and "frozen" keeps the zeros that the model has while the rest
            trains.
        weights: In place of `sparsity`, how many of the kernels' weights shall be left.
        budget: In place of both, a budget of `params`: all weights of the model that are not zero, biases included.
        protect: Patterns of the names of layers that are left alone, such as "stem*"; nothing counts their weights.
        seed: Everything drawn at random follows from it.
        **options: Those of the method, for example `settle=0.8` or `distribution="uniform"`. Outside `fit`, where
            nobody knows the number of training steps, pass `steps`.

    Returns:
        A model with the inputs, the outputs (same names, same order) and the weights of `model`. It is not compiled.

    Raises:
        OptionError: The method or an option is unknown, the target is missing, out of range or given twice, the model
            has no kernels or is sparse already.
        GraphError: The model cannot be traced.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    >>> sparsify(model, sparsity=0.5, method="magnitude").output_shape
    (None, 2)
    """
    METHODS[method]  # an unknown one says so before any work
    flat, _ = unrolled(model)
    if any(isinstance(layer, Sparse) for layer in layers_inside(flat)):
        raise OptionError(f"{model.name!r} is sparse already. Call `strip` on it first, or go on training it.")
    opened = runnable(Rebuild(trace(flat)).run(flat))
    copy = opened.runs
    gated = kernel_positions(copy, protect)
    size = sum(math.prod(copy.weights[position].shape) for position in gated)
    if budget is not None and (sparsity is not None or weights is not None):
        raise OptionError(
            f"Pass one of `sparsity`, `weights` and `budget`. Received: {sparsity=}, {weights=}, {budget=}."
        )
    if budget is not None:
        weights = weights_left(budget, copy, size)
    target = {name: value for name, value in (("sparsity", sparsity), ("weights", weights)) if value is not None}
    layer = Sparse(copy, method, gated, name="sparse_weights", origin=opened.origin, seed=seed, **target, **options)
    return in_class_of(model_around(layer, model.name), model, ScheduledModel)


def weights_left(budget: Budget, model: keras.Model, size: int) -> int:
    """How many of the kernels' `size` weights a budget of `params` leaves.

    Raises:
        OptionError: The budget has other limits, or does not even leave what is in no kernel.
    """
    if not isinstance(budget, Budget) or set(budget.given) != {"params"}:
        raise OptionError(
            f"Single weights are limited by their number alone. Received: budget={budget}. To keep a tenth of all "
            "weights use Budget(params=0.1), of those in kernels sparsity=0.9."
        )
    others = model.count_params() - size
    left = int(budget.limits(trace(model))["params"]) - others
    if left < 1:
        raise OptionError(
            f"{others:,} weights of {model.name!r} have no gates, which exceeds {budget}. "
            "Allow more, or give `sparsity`."
        )
    return min(left, size)
