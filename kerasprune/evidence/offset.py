"""A place in the middle of a model where a `pullback` can take derivatives."""

import keras
from keras import ops


class Offset(keras.layers.Layer):
    """Adds a trainable array of zeros to a tensor, one for every sample, so that its gradient is that of the tensor.

    Args:
        size: The batch size.
    """

    def __init__(self, size: int, **options):
        super().__init__(dtype="float32", autocast=False, **options)
        self.size = size
        self.supports_masking = True

    def build(self, input_shape):
        self.offset = self.add_weight(shape=(self.size, *input_shape[1:]), initializer="zeros", name="offset")

    def call(self, inputs):
        return inputs + ops.cast(self.offset, inputs.dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)
