"""The place where a gate acts: one tensor that is about to be read."""

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.slimming.neuron_mask import times


@keras.saving.register_keras_serializable(package="kerasprune")
class GatedRead(keras.layers.Layer):
    """Multiplies every channel of a tensor by its entry of a gate layer's sample.

    It is called with the tensor and the sample, so that one sample serves every reader.

    Args:
        axis: The axis of the channels, never the batch axis.
        gates: int sequence (width,), for every entry of the axis its position in the sample; position 0 is always 1.

    Example:

    >>> read = GatedRead(axis=-1, gates=[1, 0])(np.ones((1, 2)), np.array([1.0, 0.0]))
    >>> keras.ops.convert_to_numpy(read).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, axis: int, gates, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if axis == 0:
            raise OptionError("`axis` must not be the batch axis. Received: axis=0. For the last axis use -1.")
        self.axis = axis
        self.gates = [int(position) for position in gates]
        self.supports_masking = True

    def call(self, inputs, sample):
        return times(inputs, own_part(sample, self.gates), self.axis)

    def compute_output_spec(self, inputs, sample):
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "gates": self.gates}


def own_part(sample, gates: list[int]):
    """The entries of a sample at the positions `gates`: (width,); a slice where it can be, its gradient is cheaper."""
    first, width = gates[0], len(gates)
    if gates == list(range(first, first + width)):
        return sample[first : first + width]
    return ops.take(sample, gates)
