"""What the loss gains by a removal that the channels that stay have repaid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, DataError, OptionError
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.criteria.elimination import ranking_by_elimination
from kerasprune.criteria.gauss_newton import output_shape
from kerasprune.evidence.directions import directions
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.losses import known_loss
from kerasprune.evidence.moments import Moments
from kerasprune.evidence.offset import Offset
from kerasprune.evidence.progress import tracked
from kerasprune.evidence.pullback import pullback
from kerasprune.evidence.reads import instrument
from kerasprune.evidence.sampling import filled
from kerasprune.graph import Read


@criterion("obs")
@dataclass(frozen=True)
class OptimalBrainSurgeon:
    """By how much the mean loss would rise, to second order, if a channel went and the others repaid it.

    What a channel carries is predicted by the others of its tensor, by least squares and a constant; the readers'
    weights can take the prediction over, so only the error of it is lost. For the error `e` this is `1/2 * mean(e^2) *
    mean(c)`, where `c` is the curvature of the loss in the value of the channel, that of the Gauss-Newton matrix, and
    both means go over samples and positions. Channels are removed in thought one after the other, the cheapest first,
    and those that stay carry the weight of what they repay: the score of a channel is what it costs in its turn, so
    one ranking serves for a small cut and for a large one. It foresees `recover="reconstruct"`, or training.

    Needs data, without labels, a model with one output, and a loss whose curvature is known, as in `GaussNewton`; it
    costs as much, and the inversion of one covariance per tensor that is read. Windows of a convolution repay a
    channel position by position, as if errors at different positions had nothing to do with each other. Sample weights
    do not count. A channel that is read only inside the layer that makes it, as in attention, gets +inf and stays.

    Reference:
        Hassibi and Stork, Second Order Derivatives for Network Pruning: Optimal Brain Surgeon, NIPS 1992: `w_q^2 / (2
        [H^-1]_qq)`, here for all weights that read a channel; Frantar, Singh and Alistarh, Optimal Brain Compression,
        NeurIPS 2022, for one inverse from which what is gone is eliminated.
    """

    temperature: float = 1.0

    def __post_init__(self):
        if not self.temperature > 0:
            raise OptionError(f"`temperature` must be above 0. Received: temperature={self.temperature!r}.")

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left, from derivatives of the whole model."""
        return ranking_by_elimination(evidence, partial(_curvatures, self.temperature))


def _curvatures(
    temperature: float, evidence: Evidence, data: Sequence[Batch], tensors: Sequence[Moments]
) -> list[np.ndarray]:
    """Half the second derivatives of the mean loss in the entries of each tensor: float (width, width), mean over
    samples, sum over positions."""
    output_shape(evidence.model, "obs")
    loss = known_loss(evidence.probe.chosen.loss, "obs", temperature=temperature)
    copy, offsets, axes = _with_offsets(evidence)

    def squares(slopes: list) -> list:
        """Of the entries along the axis, summed over samples and positions: (width, width)."""
        rows = (
            ops.reshape(ops.moveaxis(slope, axis, -1), (-1, offset.offset.shape[axis]))
            for slope, offset, axis in zip(slopes, offsets, axes, strict=True)
        )
        return [ops.transpose(part) @ part for part in rows]

    slopes = pullback(copy, [offset.offset for offset in offsets], squares)
    totals = [np.zeros((len(tensor.labels), len(tensor.labels))) for tensor in tensors]
    samples = 0
    for batch in tracked(data, "curvature", len(data), evidence.progress):
        x, real = filled(batch, evidence.batch_size).x, np.arange(evidence.batch_size) < batch.size

        def rows(outputs: list[np.ndarray], real=real) -> Iterator[np.ndarray]:
            for part in directions(loss, outputs[0]):
                yield part * real.reshape(-1, *[1] * (outputs[0].ndim - 1)).astype("float32")

        for found in slopes(x, rows):
            for total, products in zip(totals, found, strict=True):
                total += products.sum(axis=0, dtype=float)
        samples += batch.size
    if not all(np.isfinite(total).all() for total in totals):
        raise DataError("The derivatives of the outputs hold NaN or infinity. Check the weights.")
    return [total / (2 * samples) for total in totals]


def _with_offsets(evidence: Evidence) -> tuple[keras.Model, list[Offset], list[int]]:
    """A copy of the model, with an offset at every tensor that is read, in the order of `read_moments`."""
    shifted: dict[tuple, keras.KerasTensor] = {}
    offsets: list[Offset] = []
    axes: list[int] = []

    def at_read(read: Read) -> keras.KerasTensor:
        tensor, axis, labels = read.tensor, read.axis, read.labels
        if evidence.graph.frozen[labels].all():
            return tensor
        key = (id(tensor), axis)
        if key not in shifted:
            if None in tensor.shape[1:]:
                raise DataError(
                    f"'obs' needs tensors of a fixed size. {read.call.path!r} reads one of shape {tensor.shape}. "
                    "Build the model for inputs of one size."
                )
            offsets.append(Offset(evidence.batch_size))
            axes.append(axis)
            shifted[key] = offsets[-1](tensor)
        return shifted[key]

    return instrument(evidence.model, evidence.graph, at_read), offsets, axes
