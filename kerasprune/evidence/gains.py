"""One gain per sample and channel, by which everything that reads the channel is multiplied."""

import keras
import numpy as np
from keras import ops

from kerasprune.core import ChannelGraph
from kerasprune.evidence.reads import instrument
from kerasprune.graph import Read


class Gains(keras.layers.Layer):
    """Holds the gains of all channels; its input only ties it into the model.

    Args:
        size: The batch size.
        num_ids: Number of channel ids.
    """

    def __init__(self, size: int, num_ids: int):
        super().__init__(name="gains", dtype="float32")
        self.size = size
        self.num_ids = num_ids
        self.supports_masking = True  # the mask of the input is of no concern here

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(self.size, self.num_ids), initializer="ones", name="gain")

    def call(self, inputs):
        return self.gain[: ops.shape(inputs)[0]]  # (batch, num_ids)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((None, self.num_ids), self.compute_dtype)


class Gained(keras.layers.Layer):
    """Multiplies every channel of a tensor by its gain; a layer, because an operation would drop the mask.

    Args:
        axis: The axis of the channels.
        labels: int (width,), their ids.
    """

    def __init__(self, axis: int, labels: np.ndarray):
        super().__init__(autocast=False)
        self.axis = axis
        self.labels = labels
        self.supports_masking = True

    def call(self, inputs, gains):
        shape = [-1] + [1] * (len(inputs.shape) - 1)
        shape[self.axis] = len(self.labels)
        gain = ops.reshape(ops.take(gains, self.labels, axis=1), shape)  # (batch, 1, ..., channels, ..., 1)
        return inputs * ops.cast(gain, inputs.dtype)

    def compute_output_spec(self, inputs, gains):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


class GainModel(keras.Model):
    """A frozen copy of a model, always in inference mode, whose only trainable weight is a gain of 1 at every read.

    A channel that is read at several places has the same gain at all of them, so the derivative of the loss with
    respect to it is the sum of `z * dloss/dz` over all positions and all readers of its values `z`.

    Args:
        model: The model to copy.
        graph: Its trace.
        size: The size of the largest batch.
        apart: As in `instrument`.
    """

    def __init__(self, model: keras.Model, graph: ChannelGraph, size: int, apart: bool = False):
        super().__init__(name="gain_model", dtype="float32")
        self.gains = Gains(size, graph.num_ids)
        gains = None
        done: dict[tuple, keras.KerasTensor] = {}

        def multiply(read: Read) -> keras.KerasTensor:
            nonlocal gains
            tensor, axis, labels = read.tensor, read.axis, read.labels
            gains = self.gains(tensor) if gains is None else gains
            key = (id(tensor), axis, id(labels))
            if key not in done:
                done[key] = Gained(axis, labels)(tensor, gains)
            return done[key]

        self.inner = instrument(model, graph, multiply, apart)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, by which Keras finds their losses."""
        return self.inner.output_names

    def call(self, inputs):
        """The outputs under the gains."""
        return self.inner(inputs, training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """What Keras makes of the batch, times its samples: what each sample adds is then apart from the others."""
        loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        samples = ops.shape(keras.tree.flatten(y_pred)[0])[0]
        return ops.mean(loss) * ops.cast(samples, loss.dtype)
