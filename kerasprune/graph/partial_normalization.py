"""The layer normalisation of channels of which some are not there."""

import keras

from kerasprune.core import OptionError

layers = keras.layers


@keras.saving.register_keras_serializable(package="kerasprune")
class PartialLayerNormalization(layers.LayerNormalization):
    """Normalises as `LayerNormalization` does over `total` entries of which those that are missing are zero.

    No stock layer has these statistics, so `slim` puts this one in the place of a `LayerNormalization` that loses
    channels. With k of C entries x present, mean = sum(x) / C and
    variance = sum((x - mean)^2) / C + (1 - k / C) mean^2.

    Args:
        total: The number of entries that the statistics are taken over, the missing ones included.
        options: As for `keras.layers.LayerNormalization`.

    Raises:
        OptionError: `total` is not a positive number, or at the first call smaller than the number of entries.

    Example:

    >>> import numpy as np
    >>> part, whole = PartialLayerNormalization(total=4), keras.layers.LayerNormalization()
    >>> bool(np.allclose(part(np.array([[1.0, 3.0]]))[0], whole(np.array([[1.0, 3.0, 0.0, 0.0]]))[0, :2], atol=1e-6))
    True
    """

    def __init__(self, total: int, **options):
        super().__init__(**options)
        if not total >= 1:
            raise OptionError(f"`total` must be the number of entries of the statistics. Received: total={total}.")
        self.total = total

    def build(self, input_shape):
        super().build(input_shape)
        present = self._present(input_shape)
        if present > self.total:
            raise OptionError(
                f"The input has {present} entries along axis {self.axis}, more than the statistics. "
                f"Received: total={self.total}, input shape {input_shape}."
            )

    def call(self, inputs):
        ops = keras.ops
        half = keras.backend.standardize_dtype(inputs.dtype) in ("float16", "bfloat16")
        x = ops.cast(inputs, "float32") if half else inputs
        axes = tuple(self.axis)
        mean = ops.sum(x, axis=axes, keepdims=True) / self.total
        missing = 1 - self._present(inputs.shape) / self.total
        apart = x - mean
        variance = ops.sum(ops.square(apart), axis=axes, keepdims=True) / self.total + missing * ops.square(mean)
        outputs = apart * ops.rsqrt(variance + self.epsilon)
        positive = {axis % len(inputs.shape) for axis in axes}
        shape = [size if axis in positive else 1 for axis, size in enumerate(inputs.shape)]
        if self.gamma is not None:
            outputs = outputs * ops.cast(ops.reshape(self.gamma, shape), x.dtype)
        if self.beta is not None:
            outputs = outputs + ops.cast(ops.reshape(self.beta, shape), x.dtype)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.pop("rms_scaling", None)
        return {**config, "total": self.total}

    def _present(self, shape) -> int:
        count = 1
        for axis in self.axis:
            count *= shape[axis]
        return count


def in_part(layer: layers.LayerNormalization, total: int) -> PartialLayerNormalization:
    """A layer like this one, without its weights, for a part of its channels."""
    config = {key: value for key, value in layer.get_config().items() if key != "rms_scaling"}
    return PartialLayerNormalization.from_config({**config, "total": total})
