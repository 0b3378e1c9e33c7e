"""A part of the loss taken apart into what each sample adds, for several candidates side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kerasprune.evidence.loss_terms import LossTerm
from kerasprune.evidence.per_position import PerPosition, same_rank, values_rank

MEANS = ("sum_over_batch_size", "mean")


class ValidPositions(keras.losses.Loss):
    """A 1 for every value of a loss, and a 0 where a mask, of the outputs or of the loss itself, leaves it out.

    Keras keeps the mask of a tensor in a place of each backend's own, and gives it to losses and layers only.
    """

    def __init__(self, loss: keras.losses.Loss):
        super().__init__(name="valid_positions", reduction="none")
        self.inner = loss
        self.ones = _Ones(dtype="float32")

    def call(self, y_true, y_pred):
        return self.ones(self.inner.call(y_true, y_pred))


class _Ones(keras.layers.Layer):
    """Ones with the mask of the input."""

    supports_masking = True

    def call(self, inputs):
        return ops.ones_like(inputs)


@dataclass(frozen=True, eq=False)
class SampleLoss:
    """A part of the loss of a batch, for several candidates whose samples lie side by side on the batch axis.

    Attributes:
        place: The place of the output that it judges.
        factor: Its weight in the sum.
        values: The loss of every position, weighted.
        valid: Says which positions count.
        mean: Whether Keras takes the mean over the positions of a batch, and not the sum.
        masked: Whether the output has a mask.
        weighted: Whether there are sample weights.
    """

    place: int
    factor: float
    values: keras.losses.Loss
    valid: keras.losses.Loss
    mean: bool
    masked: bool
    weighted: bool

    @classmethod
    def of(cls, term: LossTerm, masked: bool) -> "SampleLoss":
        """What judges as the part of the loss does, of an output that may have a mask; see `separable`."""
        values = PerPosition(term.loss)
        mean = getattr(term.loss, "reduction", "mean") in MEANS
        return cls(term.place, term.factor, values, ValidPositions(values), mean, masked, term.weight is not None)

    def __call__(self, apart, real, label, output, mask: Any = None, weight: Any = None):
        """What Keras makes of the batch of each candidate, times its samples: float32 (candidates,).

        Args:
            apart: Makes (candidates, batch) of what has one entry for each sample of each candidate.
            real: (batch,), 0 for samples that only fill up the batch.
            label: (candidates * batch, ...).
            output: Likewise.
            mask: Likewise, 0 for positions of the output that are left out; None for none.
            weight: Likewise, or None.
        """
        sums = ops.sum(apart(_per_sample(self.values(label, output, weight), mask)) * real, axis=1)
        if self.mean:
            counts = ops.sum(apart(_per_sample(self.valid(label, output), mask)) * real, axis=1)
            sums = ops.divide_no_nan(sums, counts)
        return ops.cast(self.factor * ops.sum(real) * sums, "float32")


def totals(judges: Sequence[SampleLoss], given: Sequence, outputs: Sequence, apart: Callable, tile: Callable) -> list:
    """What each part makes of the batch of each candidate: (candidates,) for each whose output is not None.

    Args:
        judges: The parts of the loss.
        given: What a batch brings: `real`, the labels of every part, and then for each part the mask and the sample
            weights where it has them.
        outputs: What each part judges; None to leave it out.
        apart: As in `SampleLoss`.
        tile: Makes (candidates * batch, ...) of (batch, ...).
    """
    real, *rest = given
    labels, others = rest[: len(judges)], iter(rest[len(judges) :])
    found = []
    for judge, label, output in zip(judges, labels, outputs, strict=True):
        mask, weight = (next(others) if there else None for there in (judge.masked, judge.weighted))
        if output is not None:
            tiled = (None if value is None else tile(value) for value in (mask, weight))
            found.append(judge(apart, real, tile(label), output, *tiled))
    return found


def separable(term: LossTerm, output: keras.KerasTensor) -> bool:
    """Whether a loss is one of positions, summed or averaged: then what a sample adds can be told.

    Found by trying it on the first sample.
    """
    loss = term.loss
    if isinstance(loss, keras.losses.Loss):
        own_way = type(loss).__call__ is not keras.losses.Loss.__call__
        if own_way or loss.reduction not in (*MEANS, "sum"):
            return False
    return values_rank(loss, term.label, output) is not None


def _per_sample(values, mask):
    """(samples,) of (samples, ...)."""
    if mask is not None:
        values, mask = same_rank(values, mask)
        values = values * mask
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(values, axis=axes) if axes else values
