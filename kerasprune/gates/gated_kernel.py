"""The place where a gate acts at a layer with a kernel: the kernel's rows, which are far fewer than activations."""

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.gates.gated_read import own_part
from kerasprune.graph import find_linear_layer


@keras.saving.register_keras_serializable(package="kerasprune")
class GatedKernel(keras.layers.Wrapper):
    """A linear layer whose kernel's rows are multiplied by a gate layer's sample.

    `conv(x * z, kernel) = conv(x, z * kernel)`: it is `GatedRead` in front of the layer, without a pass over the
    activations forward and two backward.

    Args:
        layer: The layer.
        axis: The axis of the kernel along which it reads channels.
        gates: int sequence (width,), for every entry of the axis its position in the sample; position 0 is always 1.

    Raises:
        OptionError: The layer is of another kind; see `can_gate`.
    """

    def __init__(self, layer, axis: int, gates, **kwargs):
        super().__init__(layer, **{"dtype": layer.dtype_policy, **kwargs}, autocast=False)
        if not can_gate(layer):
            what = "Only Dense and convolutions in one group, and what else is one product"
            raise OptionError(f"{what}, can be gated at their kernel. Received: {layer!r}.")
        self.axis = axis
        self.gates = [int(position) for position in gates]
        self.supports_masking = True

    def build(self, inputs_shape, sample_shape):
        if not self.layer.built:
            self.layer.build(inputs_shape)

    def call(self, inputs, sample):
        kernel = self.layer.kernel
        shape = [len(self.gates) if axis == self.axis else 1 for axis in range(len(kernel.shape))]
        gated = kernel.value * ops.cast(ops.reshape(own_part(sample, self.gates), shape), kernel.dtype)
        # All variables are listed, for this scope hides what an outer one says about the others.
        values = [(other, gated if other is kernel else other.value) for other in self.layer.variables]
        with keras.StatelessScope(state_mapping=values):
            return self.layer(inputs)

    def compute_output_spec(self, inputs, sample):
        return self.layer.compute_output_spec(inputs)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "gates": self.gates}


def can_gate(layer) -> bool:
    """Whether a `GatedKernel` around the layer is the same as a `GatedRead` before it."""
    linear = find_linear_layer(layer)
    plain = linear is not None and linear.is_plain and linear.groups == 1
    return plain and layer.activity_regularizer is None
