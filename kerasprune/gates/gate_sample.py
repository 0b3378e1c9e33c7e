"""The sample of a gate layer, for readers that stand elsewhere."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasprune")
class GateSample(keras.layers.Wrapper):
    """Gives the factors of a gate layer, behind a 1 for what has no gate; its input only ties it into the model.

    Args:
        layer: The gate layer, with `widths`.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **{"dtype": "float32", **kwargs}, autocast=False)

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs, training=None):
        factors = self.layer.factors(training)
        return ops.concatenate([ops.ones((1,), factors.dtype), factors])  # (1 + gates,), position 0 is always open

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor((1 + self.layer.num_gates,), "float32")
