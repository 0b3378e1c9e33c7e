"""The second-order change of the loss, with the curvature that the outputs give it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, CallLabels, ChannelGraph, DataError
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence.directions import directions
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.gains import GainModel
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.losses import known_loss
from kerasprune.evidence.pullback import pullback
from kerasprune.evidence.sampling import filled
from kerasprune.graph import functional


@criterion("gauss_newton")
@dataclass(frozen=True)
class GaussNewton:
    """By how much the mean loss would rise if a channel read zero, with the curvature of the Gauss-Newton matrix.

    For a channel with the values `o` this is `-o * dloss/do + 1/2 * o^2 * v' M v`, averaged over the samples, where
    `v` holds the derivatives of all outputs and `M` is the second derivative of the loss in the outputs: `2/n` times
    the identity for the mean squared error of `n` outputs, and `diag(p) - pp'` in the logits for the cross-entropy
    of a softmax. For every batch it costs one forward pass and a backward pass for every number that the model puts
    out. Needs data with labels, a model with one output, and a loss with a known curvature: one of these, the binary
    cross-entropy, the Huber loss or the mean absolute error, whose corners count with what they are on average, `1/n`.
    A channel that is read only inside the layer that makes it, as in attention, gets +inf and stays.

    Reference:
        Schraudolph, Fast Curvature Matrix-Vector Products, Neural Computation 2002, for the matrix.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        change = SecondOrderChange(evidence)
        return lambda gain: np.where(evidence.probe.unseen, np.inf, change(gain))


class SecondOrderChange:
    """The change of the mean loss as in `GaussNewton`; compiled once for many calls.

    Args:
        evidence: The model, its loss, and data that can be read for every call.

    Raises:
        DataError: The model has several outputs or one of unknown size, or the loss has no known curvature.
    """

    def __init__(self, evidence: Evidence):
        output_shape(evidence.model, "gauss_newton")
        self.evidence, self.size = evidence, evidence.batch_size
        chosen = evidence.probe.chosen
        self.loss = known_loss(chosen.loss, "gauss_newton")
        self.terms = LossTerms(evidence.model, chosen)
        self.model = GainModel(evidence.model, _free(evidence.graph), self.size)
        self.pullback = pullback(self.model, [self.model.gains.gain], _sums)

    def __call__(self, gain: np.ndarray) -> np.ndarray:
        """Float (num_ids,); 0 for frozen ids.

        Args:
            gain: float (num_ids,), 0 for channels that are gone already.

        Raises:
            DataError: The data does not fit, or a derivative is not finite.
        """
        gain = np.array(gain, float)
        gain[0] = 1.0
        self.model.gains.gain.assign(np.tile(gain, (self.size, 1)))
        total, samples = np.zeros(len(gain)), 0
        sampling = self.evidence.sampling
        for batch in sampling.tracked(sampling.feed(self.evidence.model, self.terms), "curvature"):
            total += self._change(filled(batch, self.size))
            samples += batch.size
            if not np.isfinite(total).all():
                self.evidence.probe.explain_not_finite(batch.x)
        return total / samples

    def _change(self, batch: Batch) -> np.ndarray:
        """The sum over the samples of one batch; those that fill it up weigh nothing."""
        (labels,), (weight,) = keras.tree.flatten(batch.y), keras.tree.flatten(batch.sample_weight)

        def rows(outputs: list[np.ndarray]) -> Iterator[np.ndarray]:
            """Against the slope of the loss, and then every direction."""
            (output,) = outputs
            scale = weight.reshape(*weight.shape, *[1] * (output.ndim - weight.ndim))
            slope = self.loss.derivatives(output.astype(float), np.asarray(labels, float))[0]
            descent = -slope * np.sqrt(scale) / np.prod(output.shape[1:-1])  # a mean over the positions
            for part in directions(self.loss, output, labels, first=[descent]):
                yield part * np.sqrt(scale)

        change = np.zeros(self.model.gains.num_ids)
        for number, (sums, squares) in enumerate(self.pullback(batch.x, rows)):
            skipped = int(number == 0)
            change += 0.5 * squares[skipped:].sum(axis=0, dtype=float) + sums[:skipped].sum(axis=0)
        return change


def _sums(derivatives: list) -> list:
    """Over the samples, of the derivatives and of their squares: (num_ids,)."""
    (found,) = derivatives
    return [ops.sum(found, axis=0), ops.sum(ops.square(found), axis=0)]


def _free(graph: ChannelGraph) -> ChannelGraph:
    """The graph without the reads of frozen channels, before which nothing then needs to be derived."""
    if graph.frozen.all():
        return graph

    def reads(call: CallLabels) -> tuple[tuple[int, ...], ...]:
        return tuple(
            tuple(axis for axis in axes if not graph.frozen[labels[axis]].all())
            for labels, axes in zip(call.inputs, call.reads, strict=True)
        )

    return replace(graph, calls=tuple(replace(call, reads=reads(call)) for call in graph.calls))


def output_shape(model: keras.Model, criterion_name: str) -> tuple[int, ...]:
    """The shape of a sample of the model's one output.

    Raises:
        DataError: There are several outputs, or one of unknown size.
    """
    outputs = functional(model).outputs
    shapes = [tuple(output.shape[1:]) for output in outputs]
    if len(shapes) != 1 or not shapes[0] or None in shapes[0]:
        raise DataError(
            f"{criterion_name!r} needs a model with one output of a fixed shape (batch, ..., outputs). "
            f"Received outputs of shapes: {', '.join(str(tuple(output.shape)) for output in outputs)}. Use 'oracle'."
        )
    return shapes[0]
