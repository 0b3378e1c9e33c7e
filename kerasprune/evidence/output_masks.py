"""The masks that the outputs of a model bring to their losses, as arrays."""

import keras
import numpy as np
from keras import ops

from kerasprune.graph import as_inputs, functional


class MaskOf(keras.layers.Layer):
    """The mask of its input as numbers: (batch, positions), or ones (batch, 1) where it has none."""

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.ones((ops.shape(inputs)[0], 1))
        return ops.cast(mask, "float32")

    def compute_mask(self, inputs, previous_mask=None):
        return None


class OutputMasks:
    """Gives the masks of the outputs for a batch of inputs.

    Args:
        model: The model, which is run.

    Attributes:
        masked: For each output, whether it has a mask.
    """

    def __init__(self, model: keras.Model):
        graph = functional(model)
        found = [MaskOf(dtype="float32")(output) for output in graph.outputs]
        self.masked = [tensor.shape[1:] != (1,) for tensor in found]
        self.model = keras.Model(as_inputs(model, graph.inputs), found) if any(self.masked) else None

    def of(self, x) -> list[np.ndarray | None]:
        """For each output (batch, positions), None where it has no mask.

        Args:
            x: Inputs in the structure of the model's.
        """
        if self.model is None:
            return [None] * len(self.masked)
        masks = keras.tree.flatten(self.model.predict_on_batch(x))  # one output comes without its list
        return [mask if masked else None for mask, masked in zip(masks, self.masked, strict=True)]
