"""A forward pass, and a backward pass that takes first and second derivatives with it."""

from collections.abc import Iterator

import keras
import numpy as np

from kerasprune.core import Batch, DataError
from kerasprune.criteria.second_order.step import Back, Step, find_step
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.losses import known_loss
from kerasprune.evidence.reads import instrument
from kerasprune.graph import Call, Env, align_inputs, calls_of, run


class Mark(keras.layers.Layer):
    """Marks a place where channels are read.

    Args:
        axis: The axis of the channels.
        labels: int (width,), their ids.
    """

    def __init__(self, axis: int, labels: np.ndarray):
        super().__init__(autocast=False)
        self.axis = axis
        self.labels = labels

    def call(self, inputs):
        return inputs

    def step(self, gain: np.ndarray, change: np.ndarray) -> Step:
        """Multiplies by the gain; on the way back the second-order change is added to that of every id."""
        shape = [1] * len(self.input.shape)
        shape[self.axis] = -1
        own = gain[self.labels].reshape(shape)
        others = tuple(axis for axis in range(len(shape)) if axis != self.axis % len(shape))

        def run(x):
            x = x * own

            def back(first, second):
                found = (0.5 * x**2 * second - x * first).sum(axis=others)
                change[:] += np.bincount(self.labels, found, minlength=len(change))
                return [(first * own, second * own**2)]

            return x, back

        return run


class Passes:
    """Runs a model in float64, step by step.

    Args:
        evidence: The model, its graph, its loss and data with labels.

    Raises:
        DataError: A layer, an activation or the loss has no known second derivatives, or the data does not fit.
    """

    def __init__(self, evidence: Evidence):
        self.loss = known_loss(evidence.probe.chosen.loss, "quadratic")
        self.evidence = evidence
        flat = instrument(evidence.model, evidence.graph, lambda read: Mark(read.axis, read.labels)(read.tensor))
        if len(flat.outputs) != 1:
            raise DataError(f"'quadratic' needs a model with one output. Received: {len(flat.outputs)}. Use 'linear'.")
        self.inputs, (self.output,) = flat.inputs, flat.outputs
        self.calls = list(calls_of(flat))
        self.steps = [None if isinstance(call.operation, Mark) else find_step(call) for call in self.calls]
        self.behind: set[int] = set()  # the tensors behind a read, in which derivatives are needed
        for call, step in zip(self.calls, self.steps, strict=True):
            if step is None or any(id(tensor) in self.behind for tensor in call.inputs):
                self.behind.update(map(id, call.outputs))

    def batches(self) -> Iterator[Batch]:
        """The data, checked."""
        evidence = self.evidence
        return evidence.sampling.feed(evidence.model, LossTerms(evidence.model, evidence.probe.chosen))

    def change(self, batch: Batch, gain: np.ndarray) -> np.ndarray:
        """The second-order change of the loss when each channel alone reads zero, summed over the samples.

        Args:
            batch: Samples with labels.
            gain: float (num_ids,), 0 for channels that are gone already.

        Returns:
            float (num_ids,).
        """
        change = np.zeros(len(gain))
        values, ways = self._forward(batch.x, gain, change)
        found = {id(self.output): self._loss_derivatives(values[id(self.output)], batch)}
        for call, step, back in zip(*map(reversed, (self.calls, self.steps, ways)), strict=True):
            derivatives = found.pop(id(call.outputs[0]), None)
            wanted = [id(tensor) in self.behind for tensor in call.inputs]
            if derivatives is None or not (step is None or any(wanted)):
                continue
            for tensor, want, more in zip(call.inputs, wanted, back(*derivatives), strict=True):
                if want:
                    so_far = found.get(id(tensor))
                    found[id(tensor)] = more if so_far is None else (so_far[0] + more[0], so_far[1] + more[1])
        return change

    def _forward(self, x, gain: np.ndarray, change: np.ndarray) -> tuple[Env, list[Back]]:
        """The values of all tensors, and the ways back in the order of the calls."""
        arrays = align_inputs(x, self.inputs)
        env = {id(tensor): np.asarray(array, float) for tensor, array in zip(self.inputs, arrays, strict=True)}
        ways = []

        def perform(call: Call, env: Env) -> np.ndarray:
            step = self.steps[len(ways)] or call.operation.step(gain, change)
            output, back = step(*(env[id(tensor)] for tensor in call.inputs))
            ways.append(back)
            return output

        return run(self.calls, env, perform), ways

    def _loss_derivatives(self, outputs: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """First and second, for a loss that is averaged over the places of a sample."""
        (labels,) = keras.tree.flatten(batch.y)
        (weight,) = keras.tree.flatten(np.ones(len(outputs)) if batch.sample_weight is None else batch.sample_weight)
        weight = weight.reshape(*weight.shape, *[1] * (outputs.ndim - weight.ndim)) / np.prod(outputs.shape[1:-1])
        first, second = self.loss.derivatives(outputs, np.asarray(labels, float))
        return first * weight, second * weight
