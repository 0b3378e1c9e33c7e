"""Sparse evolutionary training: weights that close are replaced by others at random."""

import keras
from keras import ops

from kerasprune.sparse.regrown_weights import RegrownWeights
from kerasprune.sparse.weight_gates import METHODS, uniform_noise


@METHODS.register("set")
@keras.saving.register_keras_serializable(package="kerasprune")
class SetWeights(RegrownWeights):
    """Sparse from the first step to the last: the smallest weights close, others open at random.

    Takes the arguments of `RegrownWeights`.

    Reference:
        Mocanu et al., Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity, 2018; the
        share that moves falls along a cosine as in RigL.
    """

    def growth(self):
        state = ops.cast(ops.convert_to_tensor(self.random.state), "uint32")
        key = state + ops.cast(self.step, "uint32")  # the state itself cannot move on inside a branch
        return self.parts(uniform_noise(self.size, key))
