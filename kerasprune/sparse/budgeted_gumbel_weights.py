"""Gates on single weights that meet a budget by themselves."""

import math

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.sparse.scheduled_weights import ScheduledWeights
from kerasprune.sparse.sparse_weights import hard_gates, logistic_noise

_BALANCE_EVERY = 4  # the number drifts slowly, and finding it costs a pass over all gates


@keras.saving.register_keras_serializable(package="kerasprune")
class BudgetedGumbelWeights(ScheduledWeights):
    """Samples a gate of 0 or 1 for every weight in every step; their expected number falls to `kept` by a schedule.

    Instead of a penalty, one number is added to all logits, such that the keep probabilities sum to what the schedule
    allows: one Newton step on it in every fourth training step. So gates compete for a given number of places, and no
    factor weighs the budget against the loss. The noise shrinks as training goes on, until the gates are decided; then
    what is kept is fixed, and the weights that are left train alone.

    Args:
        layer: See `ScheduledWeights`.
        kept: As there.
        steps: As there.
        ramp: As there.
        settle: As there.
        every: As there.
        start: The expected density at the start; it falls from there by the same share in every step.
        noise: Scale of the noise at the end, 1 at the start.
        temperature: Of the gradient through the sampled gates.
        rate: How fast logits learn, compared with weights, under an optimizer that scales gradients.
        gated: See `SparseWeights`.
        seed: Of the noise.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        kept: int,
        steps: int,
        ramp: float = 0.7,
        settle: float = 0.8,
        every: int = 100,
        start: float = 0.75,
        noise: float = 0.1,
        temperature: float = 3.0,
        rate: float = 7.0,
        gated: list[int] | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(layer, kept, steps, ramp, settle, every, gated, seed, **kwargs)
        if not 0 < start < 1:
            raise OptionError(f"`start` must be in (0, 1). Received: start={start}.")
        if noise <= 0:
            raise OptionError(f"`noise` must be above 0. Received: noise={noise}.")
        self.start = start
        self.noise = noise
        self.temperature = temperature
        self.rate = rate

    def build_gates(self) -> None:
        super().build_gates()
        self.gate = self.add_weight(shape=(self.size,), initializer="zeros", name="gate")
        first = math.log(self.start / (1 - self.start))
        constant = keras.initializers.Constant(first)
        self.shift = self.add_weight(shape=(), initializer=constant, trainable=False, name="shift")

    def scores(self):
        return ops.convert_to_tensor(self.gate)

    def allowed(self):
        start = max(self.start * self.size, self.kept)
        return start * SCHEDULES["geometric"](self.kept / start, self.progress())

    def gates(self):
        scale = 1 + (self.noise - 1) * self.progress()
        logits = self.rate * ops.convert_to_tensor(self.gate)
        shift = ops.cond(
            self.step % _BALANCE_EVERY == 0,
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
