"""Gates on single weights that meet a target by themselves."""

import math

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.sparse.ranked_weights import RankedWeights
from kerasprune.sparse.weight_gates import METHODS, hard_gates, largest, logistic_noise

_BALANCE_EVERY = 4  # the number drifts slowly, and finding it costs a pass over all gates


@METHODS.register("gumbel")
@keras.saving.register_keras_serializable(package="kerasprune")
class GumbelWeights(RankedWeights):
    """Samples a gate of 0 or 1 for every weight in every step; their expected number falls to the target by a schedule.

    Instead of a penalty, one number is added to all logits, such that the keep probabilities sum to what the schedule
    allows: one Newton step on it in every fourth training step. So gates compete for a given number of places, and no
    factor weighs the target against the loss. The noise shrinks as training goes on, until the gates are decided; then
    what is kept is fixed, and the weights that are left train alone.

    Args:
        start: The expected density at the start; it falls from there by the same share in every step.
        noise: Scale of the noise at the end, 1 at the start.
        temperature: Of the gradient through the sampled gates.
        rate: How fast logits learn, compared with weights, under an optimizer that scales gradients.
        **kwargs: See `RankedWeights`.
    """

    def __init__(self, start: float = 0.75, noise: float = 0.1, temperature: float = 3.0, rate: float = 7.0, **kwargs):
        super().__init__(**kwargs)
        if not 0 < start < 1:
            raise OptionError(f"`start` must be in (0, 1). Received: start={start}.")
        if noise <= 0:
            raise OptionError(f"`noise` must be above 0. Received: noise={noise}.")
        self.start = start
        self.noise = noise
        self.temperature = temperature
        self.rate = rate

    def build_gates(self, kernel_shapes) -> None:
        super().build_gates(kernel_shapes)
        self.gate = self.add_weight(shape=(self.size,), initializer="zeros", name="gate")
        first = math.log(self.start / (1 - self.start))
        self.shift = self.state((), keras.initializers.Constant(first), "shift")

    def ranked(self, values):
        return largest(ops.stop_gradient(ops.convert_to_tensor(self.gate)), ops.round(self.allowed()))

    def allowed(self):
        """The expected number of weights that the schedule allows now: float ()."""
        start = max(self.start * self.size, self.allowed_in_the_end)
        return start * SCHEDULES["geometric"](self.allowed_in_the_end / start, self.ramped())

    def explore(self):
        scale = 1 + (self.noise - 1) * self.ramped()
        logits = self.rate * ops.convert_to_tensor(self.gate)
        shift = ops.cond(
            ops.equal(ops.mod(self.step, float(_BALANCE_EVERY)), 0.0),
            lambda: self._balanced(ops.stop_gradient(logits), scale),
            lambda: ops.convert_to_tensor(self.shift),
        )
        self.shift.assign(shift)
        return hard_gates(logits + shift + scale * logistic_noise(logits.shape, self.random), self.temperature)

    def _balanced(self, logits, scale):
        """The shift after one Newton step on the logarithm of the expected number of weights."""
        shift = ops.convert_to_tensor(self.shift)
        probability = ops.sigmoid((logits + shift) / scale)
        expected = ops.sum(probability)
        slope = ops.sum(probability * (1 - probability)) / (scale * expected)
        surplus = ops.log(expected / self.allowed())
        return shift - ops.clip(surplus / (slope + 1e-6), -1.0, 1.0)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("start", "noise", "temperature", "rate")}
        return {**super().get_config(), **own}
