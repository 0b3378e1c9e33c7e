"""Zeros that stay zero."""

import keras
from keras import ops

from kerasprune.sparse.weight_gates import METHODS, WeightGates, joined


@METHODS.register("frozen")
@keras.saving.register_keras_serializable(package="kerasprune")
class FrozenWeights(WeightGates):
    """Keeps the zeros that the kernels have when training begins; all other weights train.

    Takes the arguments of `WeightGates`.
    """

    def build_gates(self, kernel_shapes) -> None:
        self.keep = self.state((self.size,), "ones", "keep")

    def sample(self, values):
        keep = ops.cond(
            ops.equal(self.step, 0.0),
            lambda: ops.cast(ops.not_equal(joined(values), 0.0), "float32"),
            lambda: ops.convert_to_tensor(self.keep),
        )
        self.keep.assign(keep)
        self.advance()
        return keep

    def kept(self):
        return ops.convert_to_tensor(self.keep)
