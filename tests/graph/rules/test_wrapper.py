"""Layers around a layer: the one inside is cut as it would be alone."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.backends import numbers
from tests.laws.check_slim import assert_slims_right

layers = keras.layers


def model_of(layer, shape):
    x = keras.Input(shape)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(layer(layers.Dense(6, name="before")(x)))))


INSIDE = {
    "dense": lambda: layers.Dense(5, activation="tanh"),
    "convolution": lambda: layers.Conv2D(4, 3),
    "normalization": lambda: layers.BatchNormalization(),
    "pooling": lambda: layers.GlobalAveragePooling2D(),
    "flatten": lambda: layers.Flatten(),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
    "reshape": lambda: layers.Reshape((36, 6)),
    "spectral": lambda: layers.SpectralNormalization(layers.Conv2D(4, 3)),
}


@pytest.mark.parametrize("name", INSIDE)
def test_the_layer_for_every_step_is_cut_right(name):
    model = model_of(layers.TimeDistributed(INSIDE[name]()), (4, 6, 6, 3))
    assert assert_slims_right(model, np.random.default_rng(0)) > 0.5


@pytest.mark.parametrize("inner", [layers.LSTM(4), layers.Bidirectional(layers.GRU(4, return_sequences=True))])
def test_a_recurrent_layer_for_every_step_is_cut_right(inner):
    assert assert_slims_right(model_of(layers.TimeDistributed(inner), (4, 6, 3)), np.random.default_rng(0)) > 0.5


def test_labels_costs_and_configuration_are_those_of_the_layer_inside():
    model = model_of(layers.TimeDistributed(layers.Dense(2), name="steps"), (4, 5, 3))
    graph = kp.trace(model)
    kernel = next(weight for weight in graph.weights if weight.layer == "steps")
    assert [axis.tolist() for axis in kernel.axes] == [[1, 2, 3, 4, 5, 6], [7, 8]]
    call = next(call for call in graph.calls if call.operation == "steps")
    assert call.reads == ((3,),)
    assert [axis is None for axis in call.outputs[0]] == [True, True, True, False]
    assert graph.cost_table.per_layer(graph.keep_all())["steps"] == (6 * 2 + 2, 4 * 5 * 6 * 2)
    keep = graph.keep_all()
    keep[7] = False
    assert kp.slim(model, graph, keep).get_layer("steps").layer.units == 1


def test_a_model_inside_holds_its_channels():
    inner = keras.Sequential([keras.Input((5, 6)), layers.Dense(3)])
    graph = kp.trace(model_of(layers.TimeDistributed(inner, name="steps"), (4, 5, 3)))
    assert "`steps` wraps a Sequential, for which there is no rule" in graph.groups[0].frozen


def test_one_wrapper_called_twice_ties_what_it_reads():
    x = keras.Input((4, 3))
    steps = layers.TimeDistributed(layers.Dense(5), name="steps")
    a, b = layers.Dense(6, name="a")(x), layers.Dense(6, name="b")(x)
    model = keras.Model(x, layers.Dense(2)(layers.Add()([steps(a), steps(b)])))
    assert kp.trace(model).groups[0].makers in (("a", "b"), ("b", "a"))
    assert_slims_right(model, np.random.default_rng(0))


@pytest.mark.parametrize(
    "inner",
    [
        layers.Conv2D(4, 3),
        layers.Conv2DTranspose(4, 3),
        layers.Dense(4, activation="relu"),
        layers.DepthwiseConv2D(3),
    ],
)
def test_spectral_normalization_is_cut_with_its_vector(inner):
    model = model_of(layers.SpectralNormalization(inner), (6, 6, 3))
    assert assert_slims_right(model, np.random.default_rng(0)) > 0.5


def test_spectral_normalization_still_trains():
    model = model_of(layers.SpectralNormalization(layers.Conv2D(4, 3), name="norm"), (6, 6, 3))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[[1, 7, 8]] = False
    small = kp.slim(model, graph, keep)
    assert small.get_layer("norm").vector_u.shape == (1, 2)
    assert np.isfinite(numbers(small(np.ones((2, 6, 6, 3), "float32"), training=True))).all()
