"""Gates that are open or closed at random, with a gradient all the same."""

import keras
from keras import ops

from kerasprune.gates.channel_gate import GATES, ChannelGate


@GATES.register("gumbel")
@keras.saving.register_keras_serializable(package="kerasprune")
class GumbelGate(ChannelGate):
    """Binary Gumbel-softmax gates: open with probability `sigmoid(logit)`.

    Args:
        axis: As in `ChannelGate`.
        hard: Whether a gate is wholly open or closed, with the gradient of the soft gate (straight-through); else it
            is a number between 0 and 1, which only the falling temperature pushes to its ends.
        **kwargs: As in `ChannelGate`: `penalty`, `speed`, `seed` and others.

    Example:

    >>> gate = GumbelGate()
    >>> tuple(gate(keras.ops.ones((1, 3))).shape)
    (1, 3)

    Reference:
        Maddison et al. and Jang et al., 2017: `s = sigmoid((logit + log u - log(1 - u)) / t)`, here with `t = 1` and
        the temperature in the logit, so that the noise, too, vanishes as the gates cool; the hard gate is `s > 1/2`.
    """

    def __init__(self, axis: int = -1, hard: bool = True, **kwargs):
        super().__init__(axis, **kwargs)
        self.hard = hard

    def sample(self, logits):
        soft = ops.sigmoid(logits + self.logistic_noise())
        if not self.hard:
            return soft
        return soft + ops.stop_gradient(ops.cast(soft > 0.5, soft.dtype) - soft)

    def get_config(self):
        return {**super().get_config(), "hard": self.hard}
