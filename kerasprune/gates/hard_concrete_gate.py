"""Gates with a continuous factor that is exactly 0 or 1 with positive probability."""

import keras
import numpy as np
from keras import ops

from kerasprune.gates.channel_gate import GATES, ChannelGate

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


@GATES.register("hard_concrete")
@keras.saving.register_keras_serializable(package="kerasprune")
class HardConcreteGate(ChannelGate):
    """Hard concrete gates: a stretched and clipped binary concrete variable, whose expected L0 norm is known.

    Takes the arguments of `ChannelGate`.

    Reference:
        Louizos, Welling and Kingma, Learning Sparse Neural Networks through L0 Regularization, 2018:
        `s = sigmoid((log u - log(1 - u) + logit) / beta)`, `z = clip(s * (zeta - gamma) + gamma, 0, 1)`,
        `P(z != 0) = sigmoid(logit - beta * log(-gamma / zeta))`, beta = 2/3, gamma = -0.1, zeta = 1.1.
    """

    def sample(self, logits):
        concrete = ops.sigmoid((logits + self.logistic_noise()) / BETA)
        return ops.clip(concrete * (ZETA - GAMMA) + GAMMA, 0.0, 1.0)

    def probability(self, logits):
        return ops.sigmoid(logits - BETA * float(np.log(-GAMMA / ZETA)))
