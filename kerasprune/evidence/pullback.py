"""One forward pass and any number of backward passes: the one thing for which Keras has no words of its own."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.core import Registry
from kerasprune.evidence.recorder import Recorder

# What is kept of the derivatives of one row: gets a float32 tensor for each place, returns some tensors.
Keep = Callable[[list], list]

# From the outputs of a batch, flattened, as arrays, to rows in parts: float32 (rows, batch, ...) with the shape of the
# first output behind the first axis.
Rows = Callable[[list[np.ndarray]], Iterator[np.ndarray]]

# Runs a batch of inputs and yields, for every part of the rows, what is kept of the derivatives of the sums of row
# times output: (rows, ...) each.
Pullback = Callable[[Any, Rows], Iterator[list[np.ndarray]]]

# By backend what makes a `Pullback` of a model, its places and what is kept. The rows of the first part share one
# forward pass with it; a training step of Keras, which serves any other backend, would make one for each row.
PULLBACKS = Registry("backend whose forward pass is shared")


def everything(derivatives: list) -> list:
    """Keep the derivatives as they are."""
    return derivatives


def pullback(model: keras.Model, places: Sequence[keras.Variable], keep: Keep = everything) -> Pullback:
    """Derivatives of a model in inference mode in some of its places; compiled once for many calls.

    A place is a trainable weight with a value for every sample of a batch, such as the gains of a `GainModel` or what
    an `Offset` adds.

    Args:
        model: Its other weights may change between the calls, and so may what the places hold.
        places: Where the derivatives are taken.
        keep: Makes of the derivatives of each row what is kept, on the backend.
    """
    backend = keras.backend.backend()
    if backend not in PULLBACKS:
        return by_training_steps(model, list(places), keep)
    return PULLBACKS[backend](model, list(places), keep)


@PULLBACKS.register("tensorflow")
def with_a_tape(model: keras.Model, places: list[keras.Variable], keep: Keep) -> Pullback:
    """The tape of a forward pass is played back in a loop of the same compiled graph, which asks for the rows itself.

    A compiled forward pass on a tape outside would be derived with respect to all weights.
    """
    import tensorflow as tf  # noqa: PLC0415  (heavy, and not every backend has it)

    held = [place.value for place in places]
    kinds = [tf.float32] * len(keep(list(map(tf.convert_to_tensor, held))))
    asked: dict[str, Any] = {}  # the rows of the batch at work

    def first_part(*outputs):
        try:
            asked["rows"] = asked["rows_of"](list(outputs))
            return next(asked["rows"])
        except Exception as error:
            asked["error"] = error  # TensorFlow makes a text of it
            raise

    @tf.function(reduce_retracing=True)
    def back(x, rows=None):
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(held)
            outputs = keras.tree.flatten(model(x, training=False))
        if rows is None:
            rows = tf.numpy_function(first_part, outputs, tf.float32)
            rows.set_shape([None, *outputs[0].shape])

        def along(row):
            return keep(tape.gradient(outputs[0], held, tf.cast(row, outputs[0].dtype)))

        return tf.map_fn(along, rows, parallel_iterations=1, fn_output_signature=kinds)

    def run(x, rows_of):
        x = keras.tree.map_structure(tf.convert_to_tensor, x)
        asked["rows_of"] = rows_of
        try:
            first = back(x)
        except tf.errors.OpError as failed:
            raise asked.get("error", failed) from None
        later = (back(x, tf.convert_to_tensor(rows)) for rows in asked["rows"])
        yield from ([found.numpy() for found in each] for each in itertools.chain([first], later))

    return run


@PULLBACKS.register("jax")
def with_a_trace(model: keras.Model, places: list[keras.Variable], keep: Keep) -> Pullback:
    """What the forward pass leaves for the way back passes from one compiled function to the other.

    One compiled function with a loop in it takes ten times as long on a CPU: there, XLA has no fast convolution
    inside loops.
    """
    import jax  # noqa: PLC0415  (heavy, and not every backend has it)

    known = set(map(id, places))
    others = [variable for variable in model.variables if id(variable) not in known]

    def outputs(values, other_values, x):
        scope = [*zip(places, values, strict=True), *zip(others, other_values, strict=True)]
        with keras.StatelessScope(state_mapping=scope):
            first, *more = keras.tree.flatten(model(x, training=False))
        return first, more

    @jax.jit
    def forward(values, other_values, x):
        return jax.vjp(lambda values: outputs(values, other_values, x), values, has_aux=True)

    back = jax.jit(lambda way_back, row: keep(way_back(row)[0]))

    def run(x, rows_of):
        first, way_back, more = forward([place.value for place in places], [other.value for other in others], x)
        for rows in rows_of([np.asarray(output) for output in (first, *more)]):
            found = [back(way_back, row.astype(first.dtype)) for row in rows]
            yield [np.stack(parts) for parts in zip(*found, strict=True)]

    return run


def by_training_steps(model: keras.Model, places: list[keras.Variable], keep: Keep) -> Pullback:
    """A training step of Keras for every row: on any backend, but with a forward pass in each."""

    first = _First(model)
    first.compile(optimizer=Recorder(), loss=_Along())

    def step(x, row: np.ndarray) -> list[np.ndarray]:
        first.train_on_batch(x, row)
        found = keep([ops.convert_to_tensor(first.optimizer.gradient_of(place)) for place in places])
        return [np.array(ops.convert_to_numpy(part)) for part in found]

    def run(x, rows_of):
        outputs = [ops.convert_to_numpy(output) for output in keras.tree.flatten(model.predict_on_batch(x))]
        for rows in rows_of(outputs):
            yield [np.stack(parts) for parts in zip(*(step(x, row) for row in rows), strict=True)]

    return run


class _Along(keras.losses.Loss):
    """The sum of row times output."""

    def __init__(self):
        super().__init__(name="along", reduction="sum")

    def call(self, y_true, y_pred):
        return y_true * y_pred


class _First(keras.Model):
    """The first output of a model, which runs as in inference even while it is trained: dropout has no part in it."""

    def __init__(self, inner: keras.Model):
        super().__init__(name="first")
        self.inner = inner

    def call(self, inputs):
        """The first output."""
        return keras.tree.flatten(self.inner(inputs, training=False))[0]
