"""Derivatives of a model's outputs with respect to tensors in its middle, sample by sample, on any backend."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
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


class Slopes:
    """Runs a model with `Offset`s backwards from each of its outputs.

    What comes out of one ordinary training step of plain gradient descent with a rate of 1 is the gradient, so no
    more of a backend is needed than Keras has.

    Args:
        model: A flat model with one output, in whose middle the offsets stand; its layers become frozen.
        offsets: These, all of one batch size.
        coordinates: From the outputs to what is derived, of the same shape.
    """

    def __init__(self, model: keras.Model, offsets: Sequence[Offset], coordinates: Callable):
        for layer in model.layers:
            layer.trainable = layer in offsets
        self.model = _Inference(model)
        self.offsets = offsets
        self.shape = tuple(model.outputs[0].shape[1:])

        def along(direction, outputs):
            return ops.sum(ops.cast(direction, outputs.dtype) * coordinates(outputs))

        self.model.compile(keras.optimizers.SGD(1.0), loss=_Summed(along))

    def __call__(self, x: Any) -> Iterator[list[np.ndarray]]:
        """The derivatives of one coordinate after the other.

        Args:
            x: Inputs of exactly one batch.

        Yields:
            For every offset, float32 with the shape of its tensor.
        """
        for direction in np.eye(math.prod(self.shape), dtype="float32"):
            labels = np.tile(direction.reshape(1, *self.shape), (self.offsets[0].size, *[1] * len(self.shape)))
            self.model.train_on_batch(x, labels)
            found = [-ops.convert_to_numpy(offset.offset) for offset in self.offsets]
            for offset, slope in zip(self.offsets, found, strict=True):
                offset.offset.assign(np.zeros_like(slope))
            yield found


class _Inference(keras.Model):
    """A model that runs as in inference even while it is trained, so that dropout has no part in it."""

    def __init__(self, inner: keras.Model):
        super().__init__(name="inference")
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs, training=False)


class _Summed(keras.losses.Loss):
    """A function of labels and outputs that sums over the samples itself."""

    def __init__(self, function: Callable):
        super().__init__(name="summed", reduction="none")
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)
