"""The second-order change of the loss, with the curvature that the outputs give it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, CallLabels, ChannelGraph, DataError, Registry
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence.directions import AT_ONCE, DIRECTIONS, combination, directions
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.gains import GainModel
from kerasprune.evidence.progress import batch_count, tracked
from kerasprune.evidence.pullback import Slope, pullback
from kerasprune.evidence.sample_loss import sample_losses
from kerasprune.evidence.sampling import feed, filled
from kerasprune.graph import functional

# By the name of a loss of Keras: from the outputs, (batch, ..., outputs), to coordinates of the same shape in which
# the curvature of the loss, summed over a last axis, is the identity; the options say how the loss was made, and by
# what "temperature" logits are divided first.
COORDINATES = Registry("loss with a known curvature")

SMALLEST = 1e-37  # of a probability; its logarithm is finite in single precision


@COORDINATES.register("mean_squared_error")
def _squared_error(outputs, options: dict):
    # The second derivative of the mean of (o - y)^2 over n outputs is 2/n.
    return outputs * math.sqrt(2 / outputs.shape[-1])


@COORDINATES.register("categorical_crossentropy")
@COORDINATES.register("sparse_categorical_crossentropy")
def _softmax(outputs, options: dict):
    # With z the logits, dz' (diag(p) - pp') dz = sum(dp^2 / p), which is the square of the change of 2 sqrt(p).
    # At a temperature T it is that of 2 T sqrt(p) with the probabilities of z / T.
    temperature, p = options.get("temperature", 1.0), outputs
    if options.get("from_logits"):
        p = ops.softmax(outputs / temperature)
    elif temperature != 1:
        p = ops.softmax(ops.log(ops.maximum(outputs, SMALLEST)) / temperature)
    return 2.0 * temperature * ops.sqrt(p + keras.config.epsilon() ** 2)


@criterion("gauss_newton")
@dataclass(frozen=True)
class GaussNewton:
    """By how much the mean loss would rise if a channel read zero, with the curvature of the Gauss-Newton matrix.

    For a channel with the values `o` this is `-o * dloss/do + 1/2 * o^2 * v' M v`, averaged over the samples, where
    `v` holds the derivatives of all outputs and `M` is the second derivative of the loss in the outputs: `2/n` times
    the identity for the mean squared error of `n` outputs, and `diag(p) - pp'` in the logits for the cross-entropy
    of a softmax. For every batch it costs one forward pass and a backward pass for every number that the model puts
    out. Needs data with labels, a model with one output, and one of these losses. A channel that is read only inside
    the layer that makes it, as in attention, gets +inf and stays.

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
        shape = output_shape(evidence.model, "gauss_newton")
        self.evidence, self.size = evidence, evidence.batch_size
        self.name, self.options = known_loss(evidence, "gauss_newton", DIRECTIONS)
        self.losses, weights = sample_losses(evidence.model, evidence.loss)
        self.model = GainModel(evidence.model, _free(evidence.graph), self.size)
        self.pullback = pullback(self.model)
        self.slope = Slope((self.size, *shape), self.losses, weights, self.model.output_names)

    def __call__(self, gain: np.ndarray) -> np.ndarray:
        """Float (num_ids,); 0 for frozen ids.

        Args:
            gain: float (num_ids,), 0 for channels that are gone already.

        Raises:
            DataError: The data does not fit, or a derivative is not finite.
        """
        data, limit = self.evidence.data, self.evidence.limit
        gain = np.array(gain, float)
        gain[0] = 1.0
        self.model.gains.gain.assign(np.tile(gain, (self.size, 1)))
        total, samples = np.zeros(len(gain)), 0
        count = batch_count(data, self.size, limit)
        checked = feed(self.evidence.model, data, self.size, limit, self.losses)
        for batch in tracked(checked, "curvature", count, self.evidence.progress):
            total += self._change(filled(batch, self.size))
            samples += batch.size
            if not np.isfinite(total).all():
                self.evidence.probe.require_finite([Batch(batch.x)])
                raise DataError("The derivatives of the loss hold NaN or infinity. Check the labels and the loss.")
        return total / samples

    def _change(self, batch: Batch) -> np.ndarray:
        """The sum over the samples of one batch; those that fill it up weigh nothing."""
        outputs, pull = self.pullback(batch.x)
        slope = self.slope.at(outputs, batch.y, batch.sample_weight)
        (weight,) = keras.tree.flatten(batch.sample_weight)
        root = np.sqrt(weight).reshape(-1, *[1] * (outputs.ndim - 1))
        change, linear = np.zeros(self.model.gains.num_ids), None
        for rows in directions(self.name, self.options, outputs):
            rows = rows * root
            found = pull(rows)  # (directions, batch, num_ids)
            change += 0.5 * np.square(found, dtype=float).sum(axis=(0, 1))
            factors = combination(rows, slope) if linear is None and len(rows) < AT_ONCE else None
            if factors is not None:  # the way back along the slope can be spared
                linear = np.einsum("db,dbi->i", factors, found)
        return change - (pull(slope[None])[0].sum(axis=0, dtype=float) if linear is None else linear)


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


def output_coordinates(evidence: Evidence, criterion_name: str, temperature: float = 1.0) -> Callable:
    """From the outputs to coordinates in which the curvature of the loss is the identity, of the same shape.

    Args:
        evidence: Has the loss.
        criterion_name: Who asks.
        temperature: What the logits of a cross-entropy are divided by.

    Raises:
        DataError: The curvature of the loss is not known.
    """
    name, options = known_loss(evidence, criterion_name, COORDINATES)
    return lambda outputs: COORDINATES[name](outputs, {**options, "temperature": temperature})


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
