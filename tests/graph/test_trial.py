"""Layers without a rule pass their channels only where they treat each of them alone, and alike."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.laws.check_slim import assert_slims_right

layers, ops = keras.layers, keras.ops


class Opaque(keras.layers.Layer):
    """A layer whose call the unrolling cannot look into."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs, **kwargs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def call(self, x):
        if isinstance(x, keras.KerasTensor):
            raise TypeError("This layer computes with numbers only.")
        return self.compute(x)


class Wave(Opaque):
    def compute(self, x):
        return ops.sin(x) * ops.sigmoid(x)


class EveryOtherStep(Opaque):
    def compute_output_shape(self, input_shape):
        return (input_shape[0], (input_shape[1] + 1) // 2, *input_shape[2:])

    def compute(self, x):
        return x[:, ::2] + ops.max(x, axis=1, keepdims=True)


class Mixes(Opaque):
    def compute(self, x):
        return x - ops.mean(x, axis=-1, keepdims=True)


class MixesTwo(Opaque):
    """Only one channel of all depends on one other."""

    def compute(self, x):
        return ops.concatenate([x[..., :3], x[..., 3:4] + 0.01 * ops.relu(x[..., 1:2]), x[..., 4:]], axis=-1)


class MixesWhatIsLarge(Opaque):
    def compute(self, x):
        return x / ops.maximum(1000.0, ops.max(ops.abs(x)))


class CountsChannels(Opaque):
    """Every channel alone, but as a function of how many there are when the layer is built."""

    def build(self, input_shape):
        self.width = input_shape[-1]
        self.built = True

    def compute(self, x):
        return x / self.width


class KnowsItsPlace(Opaque):
    def compute(self, x):
        return x * ops.cast(ops.arange(1, x.shape[-1] + 1), x.dtype)


class Fixed(Opaque):
    def compute(self, x):
        return ops.reshape(ops.reshape(x, (-1, 5, 6)), (-1, 5, 6))


class Draws(Opaque):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(0)

    def compute(self, x):
        return x + 0.0 * keras.random.normal(ops.shape(x), seed=self.seed)


class Weighted(Opaque):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=())

    def compute(self, x):
        return x * self.factor


class Noise(Opaque):
    def compute(self, x):
        return x + ops.convert_to_tensor(np.random.rand(), x.dtype)


class Rows(Opaque):
    """Mixes the steps as well as their order: no matter, they are no channels."""

    def compute(self, x):
        return ops.cumsum(ops.flip(x, 1), axis=1)


def model_of(layer):
    x = keras.Input((5, 3))
    return keras.Model(x, layers.Dense(2)(layer(layers.Dense(6, name="before")(x))))


@pytest.mark.parametrize("kind", [Wave, EveryOtherStep, Rows])
def test_what_treats_channels_alone_passes(kind):
    model = model_of(kind())
    graph = kp.trace(model)
    assert graph.groups[0].frozen is None
    assert not graph.declined
    assert_slims_right(model, np.random.default_rng(0))


@pytest.mark.parametrize(
    "kind",
    [Mixes, MixesTwo, MixesWhatIsLarge, CountsChannels, KnowsItsPlace, Fixed, Draws, Weighted, Noise],
)
def test_anything_else_holds_its_channels(kind):
    graph = kp.trace(model_of(kind(name="opaque")))
    assert "opaque" in graph.declined
    assert graph.groups[0].frozen is not None


@pytest.mark.parametrize(
    ("function", "is_free"),
    [
        (lambda x: np.tanh(ops.convert_to_numpy(x)), True),
        (lambda x: np.cumsum(ops.convert_to_numpy(x), axis=1), True),
        (lambda x: np.sort(ops.convert_to_numpy(x)), False),
        (lambda x, training=False: np.tanh(ops.convert_to_numpy(x)), False),
    ],
)
def test_a_lambda_that_keras_cannot_look_into(function, is_free):
    x = keras.Input((5, 3))
    y = layers.Lambda(function, output_shape=(5, 8), name="lam")(layers.Dense(8, name="hidden")(x))
    model = keras.Model(x, layers.Dense(2)(y))
    graph = kp.trace(model)
    assert (graph.groups[0].frozen is None) is is_free
    assert ("lam" in graph.declined) is not is_free
    if is_free:
        keep = graph.keep_all()
        keep[graph.groups[0].ids[::2]] = False
        kp.verify(model, graph, keep, kp.slim(model, graph, keep))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a function of TensorFlow")
def test_functions_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = keras.Input((4,))
    y = layers.Lambda(lambda t: tf.nn.l2_normalize(t, -1))(layers.Dense(8, name="mixed")(x))
    y = layers.Lambda(lambda t: tf.nn.elu(t) * tf.sigmoid(t))(layers.Dense(16, name="free")(y))
    model = keras.Model(x, layers.Dense(2)(y))
    graph = kp.trace(model)
    assert {group.name for group in graph.free_groups} == {"free"}
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[::2]] = False
    kp.verify(model, graph, keep, kp.slim(model, graph, keep))
