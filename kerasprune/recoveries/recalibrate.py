"""Batch-norm statistics for a model whose channels have changed."""

from typing import Any

import keras

from kerasprune.core import DataError
from kerasprune.evidence import Sampling
from kerasprune.graph import Opened, Rebuild, align_inputs, operations


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
    opened = Opened.of(model)
    return opened.back(recalibrated(opened.runs, Sampling(data, batch_size=batch_size, limit=limit)))


def recalibrated(opened: Opened, sampling: Sampling) -> keras.Model:
    """As `recalibrate`, of a model that was opened before and that the backend can run."""
    new = opened.copy()
    runner, norms = _training_statistics(opened)
    if norms:
        for count, batch in enumerate(sampling.batches()):
            for norm in norms.values():
                norm.momentum = count / (count + 1)
            try:
                # `training=False` here would win over the `training=True` of the norms' own calls.
                runner(align_inputs(batch.x, runner.inputs))
            except (ValueError, TypeError) as error:
                raise DataError(f"The data does not fit the model {opened.model.name!r}: {error}") from error
        _copy_statistics(norms, new)
    return new


def _training_statistics(opened: Opened):
    """A flat copy of the model whose batch norms run in training mode, and these batch norms by path."""
    norms = {}

    def at_call(call, operation, args, kwargs):
        if isinstance(operation, keras.layers.BatchNormalization):
            norms[call.path] = operation
            kwargs = {**kwargs, "training": True}
        return operation(*args, **kwargs)

    flat = Rebuild(opened.graph).run(opened.flat, at_call, nested=False)
    for norm in norms.values():
        norm.trainable = True
    return keras.Model(flat.inputs, flat.outputs), norms


def _copy_statistics(norms, new) -> None:
    found = operations(new)
    for path, norm in norms.items():
        found[path].moving_mean.assign(norm.moving_mean)
        found[path].moving_variance.assign(norm.moving_variance)
