"""Batch norms during a fine-tune."""

import contextlib
from collections.abc import Iterator

import keras

from kerasprune.graph import layers_inside

_WINDOWS = 10  # in an epoch
_SHORTEST = 0.5


@contextlib.contextmanager
def following(model: keras.Model, steps_per_epoch: int) -> Iterator[None]:
    """In this context the moving statistics of batch norms look back over a tenth of an epoch at most.

    A momentum of 0.99 remembers hundreds of steps, more than a short fine-tune has: inference would go on with what
    was true of the network before it was cut.
    """
    norms = [layer for layer in layers_inside(model) if isinstance(layer, keras.layers.BatchNormalization)]
    before = [norm.momentum for norm in norms]
    longest = max(1 - _WINDOWS / max(steps_per_epoch, 1), _SHORTEST)
    try:
        for norm in norms:
            norm.momentum = min(norm.momentum, longest)
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
