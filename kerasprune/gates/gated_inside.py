"""The place where gates act on channels that a layer makes and reads itself: the rows of the weights that read them."""

import keras
from keras import ops

from kerasprune.gates.gated_read import own_part
from kerasprune.graph import call_with


@keras.saving.register_keras_serializable(package="kerasprune")
class GatedInside(keras.layers.Wrapper):
    """A layer some of whose weights are multiplied by a gate layer's sample, along the axes that read its own channels.

    The heads of attention are read by its output kernel, the units of a recurrent layer by its recurrent kernel. It is
    called as the layer is, with the sample by name.

    Args:
        layer: The layer, built.
        gates: For every axis of a weight that reads such channels the position of the weight in `layer.weights`, the
            axis, and for every entry of it the position in the sample; position 0 is always 1.

    Example:

    >>> unit = keras.layers.SimpleRNN(2)
    >>> unit.build((1, 3, 1))
    >>> steps, sample = np.ones((1, 3, 1)), np.array([1.0, 0.0])
    >>> tuple(GatedInside(unit, gates=[[1, 0, [1, 0]]])(steps, sample=sample).shape)
    (1, 2)
    """

    def __init__(self, layer, gates, **kwargs):
        super().__init__(layer, **{"dtype": layer.dtype_policy, **kwargs}, autocast=False)
        self.gates = [[int(index), int(axis), list(map(int, positions))] for index, axis, positions in gates]
        self.supports_masking = True

    def build(self, **shapes):
        """Nothing: the layer inside is built before it is wrapped, for it may take several shapes."""

    def call(self, *args, sample, **kwargs):
        values = {}
        for index, axis, positions in self.gates:
            weight = self.layer.weights[index]
            shape = [len(positions) if other == axis else 1 for other in range(len(weight.shape))]
            factors = ops.cast(ops.reshape(own_part(sample, positions), shape), weight.dtype)
            values[id(weight)] = values.get(id(weight), weight.value) * factors
        outputs, losses = call_with(self.layer, values, args, kwargs)
        for loss in losses:
            self.add_loss(loss)
        return outputs

    def compute_output_spec(self, *args, sample, **kwargs):
        return self.layer.compute_output_spec(*args, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self):
        return {**super().get_config(), "gates": self.gates}
