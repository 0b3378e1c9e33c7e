"""Gates on single weights with a penalty on their density."""

import math

import keras
import numpy as np
from keras import ops

from kerasprune.sparse.weight_gates import METHODS, WeightGates, hard_gates, logistic_noise


@METHODS.register("penalty")
@keras.saving.register_keras_serializable(package="kerasprune")
class PenalizedWeights(WeightGates):
    """Samples a gate of 0 or 1 for every weight in every step; a penalty pushes the mean of the gates to `target`.

    The published method has two logits per gate and Gumbel noise on each. Here one number stands for both, their
    difference, with logistic noise: the same distribution and gradients. `rate=2` makes it learn as fast as the
    difference of two logits does under Adam, where each takes one step, in opposite directions.

    Args:
        penalty: Factor of `|target - mean of the gates|` in the loss; the gates in it are a sample of their own, at
            temperature 1.
        target: The density that the penalty pushes to.
        temperature: Of the gradient through the sampled gates. It stays what it is.
        rate: How fast logits learn, compared with weights, under an optimizer that scales gradients.
        **kwargs: `seed`, of the noise and of the logits at the start, and those of any layer.

    Reference:
        Zhang, Tao and Zhang, Neural Network Pruning by Gradient Descent, 2023:
        `loss + 0.01 * |0 - mean(gates)|`, gates `argmax(logits + Gumbel)`, backwards `softmax((logits + Gumbel) / 3)`.
    """

    def __init__(
        self, penalty: float = 0.01, target: float = 0.0, temperature: float = 3.0, rate: float = 2.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.penalty = penalty
        self.target = target
        self.temperature = temperature
        self.rate = rate

    def build_gates(self, kernel_shapes) -> None:
        rng = np.random.default_rng(self.seed)
        start = np.concatenate([_start(shape, rng) for shape in kernel_shapes]) / self.rate
        self.gate = self.add_weight(
            shape=start.shape, initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype), name="gate"
        )

    def sample(self, values):
        logits = self.rate * ops.convert_to_tensor(self.gate)
        again = hard_gates(logits + logistic_noise(logits.shape, self.random), temperature=1.0)
        self.add_loss(self.penalty * ops.abs(self.target - ops.mean(again)))
        self.advance()
        return hard_gates(logits + logistic_noise(logits.shape, self.random), self.temperature)

    def kept(self):
        return ops.cast(self.gate > 0, "float32")

    def get_config(self):
        own = {name: getattr(self, name) for name in ("penalty", "target", "temperature", "rate")}
        return {**super().get_config(), **own}


def _start(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The differences of two logits drawn from `N(0, 1) * 2 / fan_in`."""
    fan_in = math.prod(shape[:-1])
    return rng.standard_normal((math.prod(shape), 2)) @ np.array([1.0, -1.0]) * (2 / fan_in)
