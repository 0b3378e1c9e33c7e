"""The second-order change of the loss, with the curvature that the outputs give it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, DataError, Registry, batches
from kerasprune.criteria.evidence import Evidence
from kerasprune.criteria.linear import linear_change
from kerasprune.criteria.probe import Probe
from kerasprune.criteria.progress import batch_count, tracked
from kerasprune.criteria.registry import Ranking, criterion
from kerasprune.graph import functional

# By the name of a loss of Keras: from the outputs, (batch, ..., outputs), to coordinates of the same shape in which
# the curvature of the loss, summed over a last axis, is the identity; the options say how the loss was made.
COORDINATES = Registry("loss with a known curvature")


@COORDINATES.register("mean_squared_error")
def _squared_error(outputs, options: dict):
    # The second derivative of the mean of (o - y)^2 over n outputs is 2/n.
    return outputs * math.sqrt(2 / outputs.shape[-1])


@COORDINATES.register("categorical_crossentropy")
@COORDINATES.register("sparse_categorical_crossentropy")
def _softmax(outputs, options: dict):
    # With z the logits, dz' (diag(p) - pp') dz = sum(dp^2 / p), which is the square of the change of 2 sqrt(p).
    p = ops.softmax(outputs) if options.get("from_logits") else outputs
    return 2.0 * ops.sqrt(p + keras.config.epsilon() ** 2)


@criterion("gauss_newton")
@dataclass(frozen=True)
class GaussNewton:
    """By how much the mean loss would rise if a channel read zero, with the curvature of the Gauss-Newton matrix.

    For a channel with the values `o` this is `-o * dloss/do + 1/2 * o^2 * v' M v`, averaged over the samples, where
    `v` holds the derivatives of all outputs and `M` is the second derivative of the loss in the outputs: `2/n` times
    the identity for the mean squared error of `n` outputs, and `diag(p) - pp'` in the logits for the cross-entropy
    of a softmax. It costs one backward pass for every number that the model puts out. Needs data with labels, a
    model with one output, and one of these losses. A channel that is read only inside the layer that makes it, as in
    attention, gets +inf and stays.

    Reference:
        Schraudolph, Fast Curvature Matrix-Vector Products, Neural Computation 2002, for the matrix.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        curvature = Curvature(evidence)
        size, limit = evidence.batch_size, evidence.limit
        probe = Probe(evidence.model, evidence.graph, loss=evidence.loss, batch_size=size)
        total, samples = np.zeros(evidence.graph.num_ids), 0
        count = batch_count(evidence.data, size, limit)
        for batch in tracked(batches(evidence.data, size, limit=limit), "curvature", count, evidence.progress):
            change = linear_change(probe, [batch]) + 0.5 * curvature([batch])
            total += change * batch.size
            samples += batch.size
        return np.where(probe.unseen, np.inf, total / samples)

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        curvature, probe, data = Curvature(evidence), evidence.probe, evidence.data

        def scores(gain: np.ndarray) -> np.ndarray:
            change = linear_change(probe, data, gain) + 0.5 * curvature(data, gain)
            return np.where(probe.unseen, np.inf, change)

        return scores


class Curvature:
    """The mean over the samples of `o^2 * v' M v`, as in `GaussNewton`; compiled once for many calls.

    Args:
        evidence: The model and its loss; the data is given to the calls.

    Raises:
        DataError: The model has several outputs or one of unknown size, or the loss has no known curvature.
    """

    def __init__(self, evidence: Evidence):
        self.shape = output_shape(evidence.model, "gauss_newton")
        coordinates = output_coordinates(evidence, "gauss_newton")
        positions = math.prod(self.shape[:-1])

        def along(direction, outputs):
            """The coordinates along a direction: their derivative is one row of the Jacobian."""
            values = ops.cast(direction, outputs.dtype) * coordinates(outputs) / math.sqrt(positions)
            return ops.sum(ops.reshape(values, (-1, math.prod(self.shape))), axis=1)  # (batch,)

        self.probe = Probe(evidence.model, evidence.graph, loss=along, batch_size=evidence.batch_size)

    def __call__(self, data: Any, gain: np.ndarray | None = None) -> np.ndarray:
        """Float (num_ids,).

        Args:
            data: Data; labels are not needed, sample weights count.
            gain: float (num_ids,), 0 for channels that are gone already; None for none.
        """
        total, samples = np.zeros(self.probe.graph.num_ids), 0
        for batch in batches(data, self.probe.batch_size):
            weight = None if batch.sample_weight is None else np.sqrt(batch.sample_weight)
            for direction in np.eye(math.prod(self.shape), dtype="float32"):
                labels = np.tile(direction.reshape(1, *self.shape), (batch.size, *[1] * len(self.shape)))
                for rows in self.probe.gradients([Batch(batch.x, labels, weight)], gain):
                    total += np.square(rows, dtype=float).sum(axis=0)
            samples += batch.size
        return total / samples


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


def output_coordinates(evidence: Evidence, criterion_name: str) -> Callable:
    """From the outputs to coordinates in which the curvature of the loss is the identity, of the same shape.

    Raises:
        DataError: The curvature of the loss is not known.
    """
    name, options = known_loss(evidence, criterion_name, COORDINATES)
    return lambda outputs: COORDINATES[name](outputs, options)


def known_loss(evidence: Evidence, criterion_name: str, known: Mapping) -> tuple[str, dict]:
    """The loss of Keras that the evidence is judged by, as its name and its options.

    Args:
        evidence: Has the loss, or a model that is compiled with one.
        criterion_name: Who asks.
        known: The losses that it knows, by name.

    Raises:
        DataError: There is no loss, or it is not one of `known` over the last axis.
    """
    loss = evidence.loss
    if loss is None:
        loss = evidence.model.loss if getattr(evidence.model, "compiled", False) else None
    (loss,) = keras.tree.flatten(loss) or (None,)
    if loss is None:
        raise DataError("This criterion needs a loss. Pass one: loss='sparse_categorical_crossentropy'.")
    try:
        loss = keras.losses.get(loss)
    except ValueError as error:
        raise DataError(f"There is no loss {loss!r}. Pass the name of a Keras loss or a keras.losses.Loss.") from error
    function = getattr(loss, "fn", loss)
    name = getattr(function, "__name__", type(function).__name__)
    options = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    if name not in known or getattr(keras.losses, name, None) is not function or options.get("axis", -1) != -1:
        raise DataError(
            f"{criterion_name!r} knows the curvature of {', '.join(known)} over the last axis. "
            f"Received the loss {name!r}. Use 'oracle' or 'linear', which take any loss."
        )
    return name, options
