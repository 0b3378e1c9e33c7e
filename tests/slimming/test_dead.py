"""Channels that zeros in the weights have killed are removed by `slim`, exactly."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.evidence import random_inputs
from kerasprune.graph import unrolled
from kerasprune.slimming import find_dead
from tests.laws.random_models import from_generator, random_model, randomize
from tests.small_models import dense_model


def sparse(model: keras.Model, rng: np.random.Generator, density: float) -> keras.Model:
    """The unrolled model with random weights, most entries of its kernels zero."""
    randomize(model, rng)
    for weight in model.weights:
        if "kernel" in weight.name:
            value = keras.ops.convert_to_numpy(weight)
            weight.assign(value * (rng.random(value.shape) < density))
    return unrolled(model)[0]


def assert_same_function(model: keras.Model, small: keras.Model, seed: int = 0) -> None:
    """Both models give the same outputs for random inputs."""
    x = random_inputs(model, kp.trace(model), seed, batch_size=3)
    for expected, actual in zip(*(keras.tree.flatten(m(x, training=False)) for m in (model, small)), strict=True):
        expected, actual = keras.ops.convert_to_numpy(expected), keras.ops.convert_to_numpy(actual)
        np.testing.assert_allclose(actual, expected, atol=1e-5 * max(np.abs(expected).max(), 1))


@pytest.mark.parametrize("seed", range(3))
def test_slim_of_a_sparse_random_model_is_the_same_function(seed):
    rng = np.random.default_rng(seed)
    model = sparse(random_model(from_generator(rng)), rng, [0.05, 0.15, 0.3][seed % 3])
    small = kp.slim(model)
    assert small.count_params() <= model.count_params()
    assert_same_function(model, small)
    assert kp.slim(small).count_params() == small.count_params()


def test_a_running_total_behind_a_dead_channel_is_no_constant():
    inputs = keras.Input((3,))
    x = layers.Dense(5, name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(keras.ops.cumsum(x, axis=-1)))
    randomize(model, np.random.default_rng(0))
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[:, 2], bias[2] = 0, 0
    model.get_layer("hidden").set_weights([kernel, bias])
    assert_same_function(model, kp.slim(model))


def residual(padding: str = "valid", bias: bool = True) -> keras.Model:
    """Convolutions, batch norm, a residual addition, concatenation and Flatten."""
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(5, 1, name="stem")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    y = layers.Conv2D(5, 1, activation="sigmoid", name="branch")(x)
    x = layers.Add()([x, y])
    z = layers.Conv2D(3, 1, name="side")(inputs)
    x = layers.Concatenate()([x, z])
    x = layers.Conv2D(4, 3, padding=padding, use_bias=bias, activation="relu", name="last")(x)
    return keras.Model(inputs, layers.Dense(2, name="classes")(layers.Flatten()(x)))


def test_a_sum_of_constants_moves_through_norm_activation_and_concatenation():
    model = residual()
    randomize(model, np.random.default_rng(0))
    for name in ("stem", "branch"):  # channel 1 is constant on both sides of the addition, channel 2 on one
        kernel, bias = model.get_layer(name).get_weights()
        kernel[..., 1] = 0
        kernel[..., 2] *= name == "stem"
        model.get_layer(name).set_weights([kernel, bias])
    dead = find_dead(model, kp.trace(model))
    assert np.count_nonzero(~dead.keep) == 1
    assert set(dead.biases) == {"branch", "last"}
    small = kp.slim(model)
    assert [small.get_layer(name).filters for name in ("stem", "branch", "side", "last")] == [4, 4, 3, 4]
    assert_same_function(model, small)


@pytest.mark.parametrize(("options", "reason"), [({"padding": "same"}, "pads its input"), ({"bias": False}, "no bias")])
def test_a_constant_that_cannot_move_stays_with_a_reason(options, reason):
    model = residual(**options)
    randomize(model, np.random.default_rng(0))
    kernel, bias = model.get_layer("side").get_weights()
    kernel[..., 1], bias[1] = 0, 0.7
    model.get_layer("side").set_weights([kernel, bias])
    dead = find_dead(model, kp.trace(model))
    assert dead.keep.all()
    assert len(dead.reasons) == 1
    assert "`last`" in dead.reasons[0]
    assert reason in dead.reasons[0]
    bias[1] = 0  # a constant zero adds zero everywhere
    model.get_layer("side").set_weights([kernel, bias])
    assert kp.slim(model).get_layer("side").filters == 2
    assert_same_function(model, kp.slim(model))


def test_removal_goes_on_until_nothing_more_dies():
    model = dense_model(3, 3, 3, 2, activation="tanh")
    randomize(model, np.random.default_rng(0))
    for number, keep in ((1, [1, 1, 0]), (2, [1, 0, 0])):
        kernel, bias = model.get_layer(f"dense{number}").get_weights()
        kernel = kernel * np.diag(keep)  # neuron by neuron
        model.get_layer(f"dense{number}").set_weights([kernel, bias])
    small = kp.slim(model)
    assert [layer.units for layer in small.layers] == [1, 1, 1, 2]
    assert_same_function(model, small)


def test_a_layer_that_is_wholly_dead_keeps_one_neuron():
    model = dense_model(4, 3)
    kernel, bias = model.get_layer("dense1").get_weights()
    model.get_layer("dense1").set_weights([0 * kernel, bias + 1])
    small = kp.slim(model)
    assert small.get_layer("dense0").units == 1
    assert_same_function(model, small)


def test_a_given_keep_is_obeyed_to_the_letter():
    model = dense_model(4, 3)
    kernel, bias = model.get_layer("dense1").get_weights()
    model.get_layer("dense1").set_weights([0 * kernel, bias])
    graph = kp.trace(model)
    assert kp.slim(model, graph, graph.keep_all()).get_layer("dense0").units == 4


def test_a_layer_called_twice_takes_over_no_constant():
    first, twice = layers.Dense(4, name="first"), layers.Dense(4, name="twice")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2)(twice(keras.ops.tanh(twice(first(inputs))))))
    randomize(model, np.random.default_rng(0))
    kernel, bias = first.get_weights()
    kernel[:, 0] = 0
    first.set_weights([kernel, bias])
    assert_same_function(model, kp.slim(model))
