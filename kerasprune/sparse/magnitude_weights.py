"""Gradual magnitude pruning."""

import keras
from keras import ops

from kerasprune.core.schedule import SCHEDULES
from kerasprune.sparse.ranked_weights import RankedWeights
from kerasprune.sparse.weight_gates import METHODS


@METHODS.register("magnitude")
@keras.saving.register_keras_serializable(package="kerasprune")
class MagnitudeWeights(RankedWeights):
    """Keeps the weights of largest magnitude, over all kernels, fewer and fewer along a cubic curve.

    Takes the arguments of `RankedWeights`.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017: `s_t = s_f * (1 - (1 - t) ** 3)`, `s` the share removed.
    """

    def scores(self, values):
        return ops.abs(values)

    def allowed(self):
        return self.size * SCHEDULES["cubic"](self.allowed_in_the_end / self.size, self.ramped())

    def explore(self):
        return ops.convert_to_tensor(self.keep)
