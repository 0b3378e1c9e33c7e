"""Batch-norm statistics for a model whose channels have changed."""

from typing import Any

import keras

from kerasprune.core import DataError, batches
from kerasprune.graph import Rebuild, align, compile_like, operations, runnable, trace, unroll


def recalibrate(model: keras.Model, data: Any, *, batch_size: int = 128, limit: int | None = 2048) -> keras.Model:
    """Estimate the moving statistics of every BatchNormalization anew, on unlabelled data, without training.

    The statistics become the plain average over the batches. All other layers run as in inference, so dropout and
    noise have no part in it; weights stay as they are.

    Args:
        model: A Functional or Sequential model; it is not touched.
        data: Any data that `kerasprune.core.batches` takes; labels are not used.
        batch_size: Samples per batch, for arrays.
        limit: Use at most this many samples; None for all.

    Returns:
        A new model of the same architecture; without BatchNormalization it equals the old one.

    Raises:
        DataError: The data is empty or does not fit the model.

    Example:

    >>> recalibrated = recalibrate(small, x)
    >>> recalibrated.count_params() == small.count_params()
    True
    """
    opened = runnable(unroll(model))
    model = opened.runs
    graph = trace(model)
    new = Rebuild(graph).run(model)
    runner, norms = _training_statistics(model, graph)
    if norms:
        for count, batch in enumerate(batches(data, batch_size, limit=limit)):
            for norm in norms.values():
                norm.momentum = count / (count + 1)
            try:
                # `training=False` here would win over the `training=True` of the norms' own calls.
                runner(align(batch.x, [tensor.name for tensor in runner.inputs]))
            except (ValueError, TypeError) as error:
                raise DataError(f"The data does not fit the model {model.name!r}: {error}") from error
        _copy_statistics(norms, new)
    compile_like(new, model)
    return opened.back(new)


def _training_statistics(model, graph):
    """A flat copy of the model whose batch norms run in training mode, and these batch norms by path."""
    norms = {}

    def at_call(call, operation, args, kwargs):
        if isinstance(operation, keras.layers.BatchNormalization):
            norms[call.path] = operation
            kwargs = {**kwargs, "training": True}
        return operation(*args, **kwargs)

    flat = Rebuild(graph).run(model, at_call, nested=False)
    for norm in norms.values():
        norm.trainable = True
    return keras.Model(flat.inputs, flat.outputs), norms


def _copy_statistics(norms, new) -> None:
    found = operations(new)
    for path, norm in norms.items():
        found[path].moving_mean.assign(norm.moving_mean)
        found[path].moving_variance.assign(norm.moving_variance)
