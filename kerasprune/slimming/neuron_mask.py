"""A fixed keep on one axis of a tensor."""

import keras
import numpy as np

from kerasprune.core import OptionError


@keras.saving.register_keras_serializable(package="kerasprune")
class NeuronMask(keras.layers.Layer):
    """Multiplies the entries of one axis by 1 where they are kept and by 0 where they are removed.

    The keep is a non-trainable weight, so that it can change during `fit` and is saved with the model.

    Args:
        keep: Boolean sequence (width,), True = stays; by default everything stays, and `set_keep` changes it.
        axis: The axis of the channels, never the batch axis.

    Raises:
        OptionError: The keep does not fit the axis, or the axis is the batch axis.

    Example:

    >>> mask = NeuronMask(keep=[True, False])
    >>> keras.ops.convert_to_numpy(mask(np.ones((1, 2)))).tolist()
    [[1.0, 0.0]]
    """

    def __init__(self, keep=None, axis: int = -1, **kwargs):
        super().__init__(**kwargs)
        if axis == 0:
            raise OptionError("`axis` must not be the batch axis. Received: axis=0. For the last axis use -1.")
        self.keep = None if keep is None else [bool(entry) for entry in keep]
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        width = input_shape[self.axis]
        if self.keep is not None and len(self.keep) != width:
            raise OptionError(f"`keep` must have {width} entries for input shape {input_shape}. Got {len(self.keep)}.")
        values = np.ones(width) if self.keep is None else np.array(self.keep)
        self.factor = self.add_weight(
            shape=(width,),
            initializer=lambda shape, dtype: keras.ops.convert_to_tensor(values, dtype),
            trainable=False,
            name="factor",
        )

    def set_keep(self, keep) -> None:
        """Replace the keep of a built layer: boolean sequence (width,)."""
        self.factor.assign(np.asarray(keep, bool).astype("float32"))

    def call(self, inputs):
        shape = [1] * len(inputs.shape)
        shape[self.axis] = inputs.shape[self.axis]
        factor = keras.ops.cast(keras.ops.reshape(self.factor, shape), inputs.dtype)
        return keras.ops.logical_and(inputs, factor) if inputs.dtype == "bool" else inputs * factor

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "keep": self.keep, "axis": self.axis}
