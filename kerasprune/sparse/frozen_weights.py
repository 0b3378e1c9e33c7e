"""Zeros that stay zero."""

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.sparse.weight_gates import METHODS, WeightGates, joined


@METHODS.register("frozen")
@keras.saving.register_keras_serializable(package="kerasprune")
class FrozenWeights(WeightGates):
    """Keeps the zeros that the kernels have when training begins; all other weights train.

    Args:
        l2: Factor of the sum of the squares of all weights that are left, which is added to the loss.
        **kwargs: See `WeightGates`.
    """

    def __init__(self, l2: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        if not l2 >= 0:
            raise OptionError(f"`l2` must be a number of at least 0. Received: l2={l2!r}.")
        self.l2 = l2

    def build_gates(self, kernel_shapes) -> None:
        self.keep = self.state((self.size,), "ones", "keep")

    def hold(self, keep) -> None:
        """Keep these weights whatever the kernels hold: a weight that stays may be zero for a while.

        Args:
            keep: bool (size,), the entries of all kernels one after the other.
        """
        self.keep.assign(ops.cast(ops.convert_to_tensor(keep), "float32"))
        self.step.assign(1.0)  # training has begun

    def sample(self, values):
        keep = ops.cond(
            ops.equal(self.step, 0.0),
            lambda: ops.cast(ops.not_equal(joined(values), 0.0), "float32"),
            lambda: ops.convert_to_tensor(self.keep),
        )
        self.keep.assign(keep)
        if self.l2:
            self.add_loss(self.l2 * ops.sum(ops.square(joined(values) * keep)))
        self.advance()
        return keep

    def kept(self):
        return ops.convert_to_tensor(self.keep)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}
