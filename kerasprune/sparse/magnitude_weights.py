"""Gradual magnitude pruning."""

import keras
from keras import ops

from kerasprune.core.schedule import SCHEDULES
from kerasprune.sparse.scheduled_weights import ScheduledWeights


@keras.saving.register_keras_serializable(package="kerasprune")
class MagnitudeWeights(ScheduledWeights):
    """Keeps the weights of largest magnitude, over all layers, fewer and fewer along a cubic curve.

    Args:
        layer: See `ScheduledWeights`.
        kept: As there.
        steps: As there.
        ramp: As there.
        settle: As there.
        every: As there.
        gated: As there.
        seed: As there; nothing is drawn at random.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017: `s_t = s_f * (1 - (1 - t) ** 3)`, `s` the share removed.
    """

    def scores(self):
        return ops.abs(self.values())

    def allowed(self):
        return self.size * SCHEDULES["cubic"](self.kept / self.size, self.progress())

    def gates(self):
        return ops.convert_to_tensor(self.keep)
