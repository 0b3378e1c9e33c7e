"""The check finds a wrong model and says where it is wrong."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.evidence import random_inputs
from kerasprune.graph import opened

pytestmark = [pytest.mark.backend, pytest.mark.processor]

layers = keras.layers


def chain():
    """Three dense layers, the second one in a nested model."""
    x = keras.Input((5,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh", name="second")], name="inner")
    h = inner(layers.Dense(6, activation="tanh", name="first")(x))
    return keras.Model(x, layers.Dense(3, name="third")(h))


def slimmed():
    """The chain, its graph, a keep and the slimmed chain."""
    model = chain()
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[[1, 2, 8]] = False
    return model, graph, keep, kp.slim(model, graph, keep)


def test_the_right_model_passes_with_the_difference():
    assert 0 <= kp.verify(*slimmed()) < 1e-5
    assert 0 <= kp.verify(*slimmed(), np.ones((4, 5), "float32")) < 1e-5


@pytest.mark.parametrize("place", ["first", "inner/second", "third"])
def test_a_wrong_weight_is_found_where_it_is(place):
    model, graph, keep, small = slimmed()
    layer = small.get_layer("inner").get_layer("second") if "/" in place else small.get_layer(place)
    layer.bias.assign(layer.bias + 0.5)
    with pytest.raises(kp.VerificationError, match=f"first at `{place}`"):
        kp.verify(model, graph, keep, small)


def test_a_model_slimmed_by_another_keep_fails():
    model, graph, keep, _ = slimmed()
    other = graph.keep_all()
    other[[3, 4, 9]] = False
    with pytest.raises(kp.VerificationError, match="differs from the masked one"):
        kp.verify(model, graph, keep, kp.slim(model, graph, other))


def test_parts_that_are_not_the_model_are_found(monkeypatch):
    """What was taken apart is compared with what it was taken from."""

    class Block(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = layers.Dense(4, activation="tanh", name="dense")

        def build(self, shape):
            self.dense.build(shape)

        def call(self, inputs):
            return self.dense(inputs)

    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, name="out")(Block(name="block")(x)))
    parts = kp.unroll(model)
    graph = kp.trace(model)
    small = kp.slim(model, graph, graph.keep_all())
    assert kp.verify(model, graph, graph.keep_all(), small) < 1e-6
    parts.get_layer("block_dense").bias.assign(np.ones(4))
    monkeypatch.setattr(opened, "unrolled", lambda plain: (parts, {}))
    with pytest.raises(kp.VerificationError, match="laid open differ from it"):
        kp.verify(model, graph, graph.keep_all(), small)


def test_a_layer_that_loses_something_when_it_is_copied_is_named_as_the_cause():
    class Forgetful(layers.Layer):
        shift = 0.0

        def call(self, inputs):
            return inputs + self.shift

    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2)(Forgetful(activity_regularizer="l2")(layers.Dense(4)(x))))
    model.layers[2].shift = 3.0
    graph = kp.trace(model)
    with pytest.raises(kp.VerificationError, match="A copy of .* neither weight nor configuration"):
        kp.verify(model, graph, graph.keep_all(), kp.slim(model, graph, graph.keep_all()))


def test_not_a_number_is_not_equal():
    model, graph, keep, small = slimmed()
    small.get_layer("third").bias.assign([np.nan] * 3)
    with pytest.raises(kp.VerificationError):
        kp.verify(model, graph, keep, small)


def test_random_inputs_fit_the_model():
    tokens, image = keras.Input((7,), dtype="int32", name="tokens"), keras.Input((None, None, 3), name="image")
    h = layers.Embedding(11, 4)(tokens)
    pooled = [layers.GlobalAveragePooling1D()(h), layers.GlobalAveragePooling2D()(image)]
    model = keras.Model({"tokens": tokens, "image": image}, layers.Concatenate()(pooled))
    graph = kp.trace(model, input_shape=[(7,), (9, 8, 3)] if model.inputs[0].name == "tokens" else [(9, 8, 3), (7,)])
    x = random_inputs(model, graph, seed=3)
    assert x["image"].shape == (2, 9, 8, 3)
    assert x["tokens"].dtype == np.int32
    assert 0 <= x["tokens"].min() <= x["tokens"].max() < 11
    assert np.array_equal(x["image"], random_inputs(model, graph, seed=3)["image"])


def test_one_sample_of_a_large_input_is_enough():
    model = keras.Sequential([keras.Input((800, 800, 1)), layers.GlobalMaxPooling2D(), layers.Dense(1)])
    assert random_inputs(model, kp.trace(model)).shape[0] == 1
    assert random_inputs(model, kp.trace(model), batch_size=3).shape[0] == 3
