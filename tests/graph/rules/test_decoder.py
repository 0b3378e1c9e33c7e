"""Dense, Reshape, then layers that read channels on one axis: that axis carries them."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.laws.random_models import randomize

layers, ops = keras.layers, keras.ops

READERS = {
    "Conv2D": ((4, 4, 8), lambda x: layers.Conv2D(3, 3)(x)),
    "Conv2DTranspose": ((4, 4, 8), lambda x: layers.Conv2DTranspose(3, 3, strides=2)(x)),
    "channels first": ((8, 4, 4), lambda x: layers.UpSampling2D(data_format="channels_first")(x)),
    "Conv1D": ((4, 8), lambda x: layers.Conv1D(3, 3)(x)),
    "Conv3D": ((2, 3, 2, 8), lambda x: layers.Conv3D(3, 2)(x)),
    "BatchNormalization": ((4, 4, 8), lambda x: layers.Conv2D(3, 3)(layers.ReLU()(layers.BatchNormalization()(x)))),
    "UpSampling2D": ((4, 4, 8), lambda x: layers.SeparableConv2D(3, 3)(layers.UpSampling2D()(x))),
    "activations": ((4, 4, 8), lambda x: layers.Conv2D(3, 3)(layers.Dropout(0.1)(ops.tanh(layers.LeakyReLU()(x))))),
    "Dense": ((4, 4, 8), lambda x: layers.Dense(3)(x)),
    "two": ((4, 4, 8), lambda x: layers.Add()([layers.Conv2D(3, 3)(x), layers.Conv2D(3, 3)(x)])),
    "MaxPooling2D": ((4, 4, 8), lambda x: layers.Conv2D(3, 1)(layers.MaxPooling2D()(x))),
}


def assert_free(model: keras.Model, width: int) -> None:
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    group = next(group for group in graph.free_groups if group.width == width)
    keep = graph.keep_all()
    keep[group.ids[::3]] = False
    small = kp.slim(model, graph, keep)
    kp.verify(model, graph, keep, small)
    assert small.count_params() == graph.params(keep) < model.count_params()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "reshape", [lambda shape: layers.Reshape(shape), lambda shape: lambda x: ops.reshape(x, (-1, *shape))]
)
def test_the_channels_of_a_decoder(reader, reshape):
    shape, read = READERS[reader]
    x = keras.Input((16,))
    y = reshape(shape)(layers.Dense(int(np.prod(shape)))(x))
    assert_free(keras.Model(x, layers.Dense(2)(layers.Flatten()(read(y)))), 8)


def test_in_a_sequential():
    parts = [layers.Dense(128), layers.BatchNormalization(), layers.ReLU(), layers.Reshape((4, 4, 8))]
    assert_free(keras.Sequential([keras.Input((16,)), *parts, layers.Conv2DTranspose(5, 3), layers.Conv2D(2, 3)]), 8)


def test_in_front_of_a_nested_model():
    inside, x = keras.Input((4, 4, 8)), keras.Input((16,))
    decoder = keras.Model(inside, layers.Conv2D(3, 3)(layers.ReLU()(inside)))
    assert_free(keras.Model(x, decoder(layers.Reshape((4, 4, 8))(layers.Dense(128)(x)))), 8)


def test_heads_stay_heads():
    x = keras.Input((5, 12))
    query, key, value = (ops.reshape(layers.Dense(32)(x), (-1, 5, 4, 8)) for _ in range(3))
    weights = ops.softmax(ops.einsum("bqhd,bkhd->bhqk", query, key))
    y = ops.reshape(ops.einsum("bhqk,bkhd->bqhd", weights, value), (-1, 5, 32))
    assert_free(keras.Model(x, layers.Dense(2)(y)), 4)
