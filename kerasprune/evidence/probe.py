"""The only thing that runs a model for evidence."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, ChannelGraph, DataError
from kerasprune.core.by_id import by_id
from kerasprune.evidence.chosen_loss import ChosenLoss, chosen_loss
from kerasprune.evidence.gains import GainModel
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.reads import instrument
from kerasprune.evidence.recorder import Recorder
from kerasprune.evidence.sampling import Sampling, class_numbers, filled
from kerasprune.graph import Read, functional

# From a tensor (batch, ...) and the axes to reduce to one number per sample and channel: (batch, channels).
Statistic = Callable[[keras.KerasTensor, tuple[int, ...]], keras.KerasTensor]


class Probe:
    """Runs a model on data, in inference mode, and measures at the places where channels are read.

    It works on a copy, so the model stays as it is, and it needs no more of a backend than Keras has: derivatives come
    out of an ordinary compiled training step whose only trainable weight is the gain of every channel.

    Args:
        model: The model.
        graph: Its trace.
        sampling: The loss, and how the model is run: with which batches, on how many samples of what it is given.

    Example:

    >>> probe = Probe(model, graph, Sampling(loss="sparse_categorical_crossentropy"))
    >>> signed = sum(rows.sum(axis=0) for rows in probe.gradients((x, y)))
    """

    def __init__(self, model: keras.Model, graph: ChannelGraph, sampling: Sampling):
        self.model = model
        self.graph = graph
        self.sampling = sampling

    def gradients(self, data: Any, gain: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """The derivative of every sample's loss with respect to the gain of every channel.

        For a channel with the values `z` this is the sum of `z * dloss/dz` over all positions and all readers: what
        the loss would lose to first order if the channel read zero.

        Args:
            data: Data with labels; its sample weights count.
            gain: float (num_ids,), where the derivative is taken, as in `mean_loss`. None for all ones.

        Yields:
            float32 (samples of one batch, num_ids); 0 for ids that nothing reads.

        Raises:
            DataError: The data does not fit, or a derivative is not finite.
        """
        gain_model, terms = self._gain_model
        gain_model.gains.gain.assign(self._per_sample(gain))
        for batch in self._feed(data, "gradients", terms):
            full = self._whole(batch)
            gain_model.train_on_batch(full.x, full.y, full.sample_weight)
            rows = ops.convert_to_numpy(gain_model.optimizer.gradient_of(gain_model.gains.gain))[: batch.size]
            if not np.isfinite(rows).all():
                self.explain_not_finite(batch.x)
            yield rows

    def mean_loss(self, data: Any, gain: np.ndarray | None = None) -> float:
        """The mean loss of a sample when every read of a channel is multiplied by its gain, as `evaluate` gives it.

        Args:
            data: Data with labels; its sample weights count.
            gain: float (num_ids,); a `keep` as numbers gives the loss of the masked model. None for all ones. A new
                gain needs no new compilation.
        """
        gain_model, terms = self._gain_model
        gain_model.gains.gain.assign(self._per_sample(gain))
        total, samples = 0.0, 0
        for batch in self._feed(data, "loss", terms):
            full = self._whole(batch)
            total += float(gain_model.test_on_batch(full.x, full.y, full.sample_weight, return_dict=True)["loss"])
            samples += batch.size
        return total / samples + self._penalty

    def accuracy(self, data: Any, gain: np.ndarray | None = None) -> float | None:
        """The share of samples whose largest output is that of their label, under a gain as in `mean_loss`.

        Returns:
            A number in [0, 1]; None unless the model has one output (batch, classes) and the labels are class numbers
            or rows with a single 1.
        """
        gain_model, terms = self._gain_model
        gain_model.gains.gain.assign(self._per_sample(gain))
        right, samples = 0, 0
        for batch in self._feed(data, "accuracy", terms):
            outputs = gain_model.predict_on_batch(filled(batch, gain_model.gains.size).x)
            classes = class_numbers(batch.y, outputs)
            if classes is None:
                return None
            right += int((outputs[: batch.size].argmax(axis=1) == classes).sum())
            samples += batch.size
        return right / samples

    def metric(self, data: Any, metric: keras.metrics.Metric, gain: np.ndarray | None = None) -> float:
        """A metric of the first output that has a loss, over all samples, under a gain as in `mean_loss`.

        Args:
            data: Data with labels.
            metric: A metric of Keras; what it has seen before is forgotten.
            gain: As there.
        """
        gain_model, terms = self._gain_model
        gain_model.gains.gain.assign(self._per_sample(gain))
        metric.reset_state()
        for batch in self._feed(data, metric.name, terms):
            term = terms.of(batch)[0]
            outputs = keras.tree.flatten(gain_model.predict_on_batch(self._whole(batch).x))
            metric.update_state(term.label, outputs[term.place][: batch.size])
        return float(np.mean(ops.convert_to_numpy(metric.result())))

    def statistics(self, data: Any, statistic: Statistic) -> np.ndarray:
        """The mean of a statistic of every channel's values, over all samples and all places that read it.

        Args:
            data: Data; labels are not needed.
            statistic: Makes one number per sample and channel of a tensor.

        Returns:
            float (num_ids,); NaN for ids that nothing reads.

        Raises:
            DataError: The data does not fit, or an activation is not finite.
        """
        measured, places = self._measuring_model(statistic)
        sums = [0.0] * len(places)
        samples = 0
        for batch in self._feed(data, "activations"):
            rows = measured.predict_on_batch(filled(batch, self.sampling.batch_size).x)
            for place, values in enumerate(keras.tree.flatten(rows)):  # one output comes without its list
                sums[place] += values[: batch.size].sum(axis=0, dtype=float)
            samples += batch.size
        totals, counts = np.zeros((2, self.graph.num_ids))
        for (labels, reader), total in zip(places, sums, strict=True):
            if not np.isfinite(total).all():
                raise DataError(f"What {reader!r} reads holds NaN or infinity. Check the weights before it.")
            ids, values = by_id(labels, total / samples)
            totals[ids] += values
            counts[ids] += by_id(labels, np.ones(len(labels)))[1]
        return np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)

    def require_finite(self, data: Any) -> None:
        """Check what is read, for a loss that clips its inputs can hide NaN.

        Raises:
            DataError: An activation is not finite.
        """
        self.statistics(data, lambda tensor, axes: ops.mean(tensor, axis=axes) if axes else tensor)

    def explain_not_finite(self, x: Any) -> NoReturn:
        """Raise the most telling error for derivatives that are not finite.

        Args:
            x: The inputs of the batch that has them.

        Raises:
            DataError: An activation is not finite, or else the derivatives are not.
        """
        self.require_finite([Batch(x)])
        raise DataError("The derivatives of the loss hold NaN or infinity. Check the labels and the loss.")

    def _per_sample(self, gain: np.ndarray | None) -> np.ndarray:
        """The gain of every sample, float (batch_size, num_ids); that of id 0 is 1."""
        gain = np.ones(self.graph.num_ids) if gain is None else np.array(gain, float)
        gain[0] = 1.0
        return np.tile(gain, (self.sampling.batch_size, 1))

    def _feed(self, data: Any, what: str, terms: LossTerms | None = None) -> Iterator[Batch]:
        sampling = replace(self.sampling, data=data)
        return sampling.tracked(sampling.feed(self.model, terms), what)

    def _whole(self, batch: Batch) -> Batch:
        """The batch, filled up where the model takes batches of one size only."""
        fixed = functional(self.model).inputs[0].shape[0]
        return batch if fixed is None else filled(batch, fixed)

    @functools.cached_property
    def _penalty(self) -> float:
        """What the regularizers of the weights add to the loss; no gain changes it."""
        penalties = [weight.regularizer(weight) for weight in self.model.trainable_variables if weight.regularizer]
        return float(sum(map(float, penalties)))

    @functools.cached_property
    def unseen(self) -> np.ndarray:
        """bool (num_ids,): True where a channel is read only inside the layer that makes it, out of sight."""
        outside = np.zeros(self.graph.num_ids, bool)
        for call in self.graph.calls:
            for labels, axes in zip(call.inputs, call.reads, strict=True):
                for axis in axes:
                    outside[labels[axis]] = True
        return self.graph.read_inside & ~outside

    @functools.cached_property
    def chosen(self) -> ChosenLoss:
        """The loss that the model is judged by."""
        return chosen_loss(self.model, self.sampling)

    @functools.cached_property
    def _gain_model(self) -> tuple[GainModel, LossTerms]:
        model = GainModel(self.model, self.graph, self.sampling.batch_size)
        model.compile(optimizer=Recorder(), loss=self.chosen.loss, loss_weights=self.chosen.weights)
        return model, LossTerms(self.model, self.chosen)

    def _measuring_model(self, statistic: Statistic) -> tuple[keras.Model, list[tuple[np.ndarray, str]]]:
        """A model whose outputs are the statistics, and for each of them the labels and the first reader."""
        outputs: dict[tuple, keras.KerasTensor] = {}
        places: list[tuple[np.ndarray, str]] = []

        def measure(read: Read) -> keras.KerasTensor:
            tensor, axis, labels = read.tensor, read.axis, read.labels
            key = (id(tensor), axis, id(labels))
            if key not in outputs:
                others = tuple(other for other in range(1, len(tensor.shape)) if other != axis)
                outputs[key] = statistic(tensor, others)
                places.append((labels, read.call.path))
            return tensor

        copy = instrument(self.model, self.graph, measure)
        return keras.Model(copy.inputs, list(outputs.values())), places
