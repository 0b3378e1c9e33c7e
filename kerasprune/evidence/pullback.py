"""One forward pass and any number of backward passes: the one thing for which Keras has no words of its own."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.core import Registry
from kerasprune.evidence.gains import GainModel, Recorder
from kerasprune.evidence.sample_loss import SampleLoss

# From rows, float32 (rows, batch, ...) with the shape of the outputs behind the first axis, to the derivatives of the
# sums of row times outputs with respect to the gains: float32 (rows, batch, num_ids).
Pull = Callable[[np.ndarray], np.ndarray]

# From a batch of inputs to the outputs, as an array, and the way back from them.
Pullback = Callable[[Any], tuple[np.ndarray, Pull]]

# By backend what makes a `Pullback` of a gain model. All ways back share a forward pass; a training step of Keras,
# which serves any other backend, would make one for each.
PULLBACKS = Registry("backend whose forward pass is shared")


def pullback(model: GainModel) -> Pullback:
    """Outputs of a gain model and derivatives with respect to its gains; compiled once for many calls.

    Args:
        model: Has one output; its gains may change between the calls.
    """
    backend = keras.backend.backend()
    return PULLBACKS[backend](model) if backend in PULLBACKS else by_training_steps(model)


@PULLBACKS.register("tensorflow")
def with_a_tape(model: GainModel) -> Pullback:
    """The tape of one forward pass is played back in a loop of the compiled graph.

    A compiled forward pass on a tape outside would be derived with respect to all weights.
    """
    import tensorflow as tf  # noqa: PLC0415  (heavy, and not every backend has it)

    gain = model.gains.gain.value
    forward = tf.function(lambda x: _only(model.inner(x, training=False)))

    @tf.function(reduce_retracing=True)
    def back(x, rows):
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(gain)
            outputs = _only(model.inner(x, training=False))

        def along(row):
            return tape.gradient(outputs, gain, tf.cast(row, outputs.dtype))

        return tf.map_fn(along, rows, parallel_iterations=1)

    def run(x):
        x = keras.tree.map_structure(tf.convert_to_tensor, x)
        return forward(x).numpy(), lambda rows: back(x, tf.convert_to_tensor(rows)).numpy()

    return run


@PULLBACKS.register("jax")
def with_a_trace(model: GainModel) -> Pullback:
    """What the forward pass leaves for the way back passes from one compiled function to the other.

    One compiled function with a loop in it takes ten times as long on a CPU: there, XLA has no fast convolution
    inside loops.
    """
    import jax  # noqa: PLC0415  (heavy, and not every backend has it)

    def outputs(gain, others, x):
        return _only(model.inner.stateless_call([gain], others, x, training=False)[0])

    forward = jax.jit(lambda gain, others, x: jax.vjp(lambda gain: outputs(gain, others, x), gain))
    back = jax.jit(lambda way_back, row: way_back(row)[0])

    def run(x):
        others = [variable.value for variable in model.inner.non_trainable_variables]
        found, way_back = forward(model.gains.gain.value, others, x)
        return np.asarray(found), lambda rows: np.stack([back(way_back, row.astype(found.dtype)) for row in rows])

    return run


def by_training_steps(model: GainModel) -> Pullback:
    """A training step of Keras for every way back: on any backend, but with a forward pass in each."""

    def along(row, outputs):
        axes = tuple(range(1, len(outputs.shape)))
        return ops.sum(ops.cast(row, outputs.dtype) * outputs, axis=axes)  # (batch,)

    model.compile(optimizer=Recorder(), loss=SampleLoss(along))

    def run(x):
        def pull(row: np.ndarray) -> np.ndarray:
            model.train_on_batch(x, row)
            return np.array(ops.convert_to_numpy(model.optimizer.gradient))

        return _only(model.predict_on_batch(x)), lambda rows: np.stack(list(map(pull, rows)))

    return run


def _only(outputs):
    """The one output of a model, whatever the structure around it."""
    (output,) = keras.tree.flatten(outputs)
    return output


class Slope(keras.Model):
    """The derivative of a loss with respect to the outputs of a model, which it holds as its only weight.

    Args:
        shape: That of the outputs, with the batch size.
        losses: As from `sample_losses`.
        weights: Likewise.
        output_names: Those of the model, by which Keras finds the losses.
    """

    def __init__(self, shape: tuple[int, ...], losses: Any, weights: Any, output_names: list[str]):
        super().__init__(name="slope")
        self.names = output_names
        self.outputs_held = self.add_weight(shape=shape, initializer="zeros", name="outputs")
        self.compile(optimizer=Recorder(), loss=losses, loss_weights=weights)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return self.names

    def call(self, inputs):
        """The outputs, whatever the inputs."""
        return ops.convert_to_tensor(self.outputs_held)

    def at(self, outputs: np.ndarray, labels: Any, sample_weight: np.ndarray) -> np.ndarray:
        """The derivative of the summed loss of a batch: float32 with the shape of the outputs."""
        self.outputs_held.assign(outputs)
        self.train_on_batch(np.zeros((len(outputs), 1), "float32"), labels, sample_weight)
        return ops.convert_to_numpy(self.optimizer.gradient)
