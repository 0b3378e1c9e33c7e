"""RigL: weights that close are replaced by those whose gradient is largest."""

import keras
from keras import ops

from kerasprune.sparse.regrown_weights import RegrownWeights
from kerasprune.sparse.weight_gates import METHODS


@METHODS.register("rigl")
@keras.saving.register_keras_serializable(package="kerasprune")
class RigLWeights(RegrownWeights):
    """Sparse from the first step to the last: the smallest weights close, those of largest gradient open.

    The gradient is that of the last step before the ranking, of the whole kernel: a weight of this layer that the
    optimizer overwrites with it.

    Takes the arguments of `RegrownWeights`.

    Reference:
        Evci et al., Rigging the Lottery: Making All Tickets Winners, 2020.
    """

    def build_gates(self, kernel_shapes) -> None:
        super().build_gates(kernel_shapes)
        self.gradient = self.add_weight(
            shape=(self.size,), initializer="zeros", name="gradient", overwrite_with_gradient=True
        )

    def growth(self):
        return self.parts(ops.abs(ops.convert_to_tensor(self.gradient)))

    def applied(self, kernels, gates):
        notes = self.split(ops.convert_to_tensor(self.gradient))
        notes = [note - ops.stop_gradient(note) for note in notes]  # zeros, with the gradient of the whole kernel
        masked = super().applied(kernels, gates)
        return [kernel + ops.cast(note, kernel.dtype) for kernel, note in zip(masked, notes, strict=True)]
