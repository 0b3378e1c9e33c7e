"""A keep on one axis of a tensor."""

import keras
import numpy as np

from kerasprune.core import Labels, OptionError, Pick
from kerasprune.graph import Site, rule


@keras.saving.register_keras_serializable(package="kerasprune")
class NeuronMask(keras.layers.Layer):
    """Multiplies the entries of one axis by 1 where they are kept and by 0 where they are removed.

    It is placed like `Dropout`. What is kept is a weight that is not trained: it can change during `fit` by
    `mask.keep = ...`, and is saved with the model. `slim` cuts out what it removes.

    Args:
        keep: Boolean sequence (width,), True = stays; by default everything stays.
        axis: The axis of the channels, never the batch axis.

    Raises:
        OptionError: The keep does not fit the axis, or the axis is the batch axis.

    Example:

    >>> mask = NeuronMask(keep=[True, False])
    >>> keras.ops.convert_to_numpy(mask(np.ones((1, 2)))).tolist()
    [[1.0, 0.0]]
    >>> mask.keep = [False, True]
    >>> mask.keep.tolist()
    [False, True]
    """

    def __init__(self, keep=None, axis: int = -1, **kwargs):
        super().__init__(**kwargs)
        if axis == 0:
            raise OptionError("`axis` must not be the batch axis. Received: axis=0. For the last axis use -1.")
        self.first_keep = None if keep is None else [bool(entry) for entry in keep]
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        width = axis_length(self, input_shape)
        values = np.ones(width) if self.first_keep is None else np.array(self.first_keep)
        if len(values) != width:
            raise OptionError(
                f"`keep` of `{self.name}` must have {width} entries for the shape {tuple(input_shape)}. "
                f"Received: {len(values)} entries."
            )
        self.factor = self.add_weight(
            shape=(width,),
            initializer=lambda shape, dtype: keras.ops.convert_to_tensor(values, dtype),
            trainable=False,
            name="factor",
        )

    @property
    def keep(self) -> np.ndarray:
        """What is kept now: bool (width,)."""
        return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(self.factor)) > 0.5

    @keep.setter
    def keep(self, keep) -> None:
        keep = np.asarray(keep)
        if not self.built:
            raise OptionError(
                f"`{self.name}` is not built: pass `keep` to `NeuronMask`, or call the layer before you set it."
            )
        if keep.shape != tuple(self.factor.shape):
            raise OptionError(
                f"`keep` of `{self.name}` must have one entry for each of {self.factor.shape[0]} channels. "
                f"Received: an array of shape {keep.shape}."
            )
        self.factor.assign(keep.astype(bool).astype("float32"))

    def call(self, inputs):
        return times(inputs, self.factor, self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "keep": self.first_keep, "axis": self.axis}


@rule(NeuronMask, behaviour="carry")
def neuron_mask(site: Site) -> Labels:
    """Every channel has its own factor."""
    channels = site.labels[site.layer.axis]
    site.weight(site.layer.factor, (channels,))
    if channels is not None and site.layer.first_keep is not None:
        site.set("keep", Pick(np.array(site.layer.first_keep), (channels,)))
    return site.labels


def times(inputs, factors, axis: int):
    """A tensor with the entries along an axis multiplied by factors, (width,); of truths, those of a 0 are False."""
    shape = [1] * len(inputs.shape)
    shape[axis] = -1
    factors = keras.ops.cast(keras.ops.reshape(factors, shape), inputs.dtype)
    return keras.ops.logical_and(inputs, factors) if inputs.dtype == "bool" else inputs * factors


def axis_length(layer: keras.layers.Layer, shape) -> int:
    """The length of the axis that a layer works on.

    Raises:
        OptionError: The tensor has no such axis, or its length is not known, or it is that of the samples.
    """
    rank = len(shape)
    if not -rank <= layer.axis < rank or layer.axis % rank == 0:
        raise OptionError(
            f"`axis` of `{layer.name}` must be one of the {rank - 1} axes behind that of the samples. "
            f"Received: axis={layer.axis} for a tensor of shape {tuple(shape)}."
        )
    if shape[layer.axis] is None:
        raise OptionError(
            f"`{layer.name}` needs an axis of known length. Received: axis={layer.axis} for the shape {tuple(shape)}."
        )
    return shape[layer.axis]
