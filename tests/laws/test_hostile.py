"""Models with shapes that are hard on purpose, with every group cut to one channel, its first or its last."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import Batch
from kerasprune.evidence import random_inputs
from tests.laws.check_slim import BATCH
from tests.laws.random_models import randomize

layers, ops = keras.layers, keras.ops


def conv(filters, **options):
    return layers.Conv2D(filters, 3, padding="same", **options)


def pooled(tensor):
    return layers.Dense(2)(layers.GlobalAveragePooling2D()(tensor))


def concatenation_of_concatenations(x):
    a, b, c = conv(4)(x), conv(1)(x), conv(6)(x)
    h = layers.BatchNormalization()(layers.Concatenate()([a, b, c]))
    return pooled(conv(5)(layers.Concatenate()([h, layers.Concatenate()([b, h])])))


def sum_of_three(x):
    return pooled(layers.Add()([conv(4)(x), conv(4)(x), conv(4, use_bias=False)(x)]))


def sum_with_itself(x):
    h = conv(4)(x)
    return pooled(layers.Add()([h, h]))


def two_resolutions(x):
    shared = conv(4)
    return [pooled(shared(x)), pooled(shared(layers.AveragePooling2D(2)(x)))]


def several_outputs(x):
    h = conv(6)(x)
    return [pooled(h), layers.Dense(1)(h), layers.Conv2D(4, 1)(conv(3)(h)), h]


def input_that_is_an_output(x):
    return [x, conv(3)(conv(4)(x))]


def one_channel(x):
    return conv(1)(layers.BatchNormalization()(layers.DepthwiseConv2D(3)(conv(1)(x))))


def one_channel_for_all(x):
    h = layers.Multiply()([conv(4)(x), conv(1)(x)])
    return conv(2)(
        layers.Multiply()([h, layers.Dense(4)(layers.Dense(1)(layers.GlobalMaxPooling2D(keepdims=True)(h)))])
    )


def channels_in_pieces(x):
    first, second, _ = ops.split(conv(9)(x), [2, 5], axis=-1)
    return pooled(layers.Concatenate()([conv(3)(second), first, second[..., 1:]]))


def attention_by_hand(x):
    h = layers.Reshape((64, 3))(x)
    query, key, value = (ops.reshape(layers.Dense(12)(h), (-1, 64, 3, 4)) for _ in range(3))
    weights = ops.softmax(ops.einsum("bqhd,bkhd->bhqk", query, key))
    return layers.Dense(2)(ops.reshape(ops.einsum("bhqk,bkhd->bqhd", weights, value), (-1, 64, 12)))


def squeezed(x):
    return layers.Dense(2)(ops.squeeze(layers.GlobalAveragePooling2D(keepdims=True)(conv(4)(x))))


def never_called(x):
    conv(4).build((None, 8, 8, 3))
    return pooled(conv(4)(x))


MODELS = [
    concatenation_of_concatenations,
    sum_of_three,
    sum_with_itself,
    two_resolutions,
    several_outputs,
    input_that_is_an_output,
    one_channel,
    one_channel_for_all,
    channels_in_pieces,
    attention_by_hand,
    squeezed,
    never_called,
]


def assert_one_of_each_is_right(model: keras.Model, place: int, tolerance: float = 1e-5) -> None:
    """Keep the first (place 0) or the last (-1) channel of every group: right function, right costs."""
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    keep = np.zeros(graph.num_ids, bool)
    keep[[group.ids[place] for group in graph.groups]] = True
    small = kp.slim(model, graph, keep)
    inputs = random_inputs(model, graph, 1, batch_size=BATCH)
    kp.verify(model, graph, keep, small, [Batch(inputs)], tolerance=tolerance)
    assert small.count_params() == graph.params(graph.complete(keep))
    assert kp.trace(small).macs() == graph.macs(graph.complete(keep))


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("build", MODELS)
def test_every_branch_at_its_minimum(build, place):
    x = keras.Input((8, 8, 3))
    assert_one_of_each_is_right(keras.Model(x, build(x)), place)


def test_inputs_and_outputs_in_dicts():
    inputs = {"a": keras.Input((5,), name="a"), "b": keras.Input((4,), name="b")}
    h = layers.Add()([layers.Dense(6)(inputs["a"]), layers.Dense(6)(inputs["b"])])
    assert_one_of_each_is_right(keras.Model(inputs, {"out": layers.Dense(2)(h)}), 0)


def test_computing_in_half_precision():
    image, sequence = keras.Input((8, 8, 3)), keras.Input((5, 3))
    half = {"dtype": "mixed_float16"}
    h = layers.BatchNormalization(**half)(conv(6, **half)(image))
    h = layers.GlobalAveragePooling2D(**half)(layers.Add(**half)([h, conv(6, activation="relu", **half)(h)]))
    s = layers.Bidirectional(layers.LSTM(4, **half), **half)(layers.GRU(4, return_sequences=True, **half)(sequence))
    model = keras.Model([image, sequence], layers.Dense(2)(layers.Concatenate(**half)([h, s])))
    assert_one_of_each_is_right(model, 0, tolerance=2e-2)


@pytest.mark.parametrize("size", [(9, 7), (16, 16)])
def test_sizes_that_the_model_leaves_open(size):
    x = keras.Input((None, None, 3))
    h = layers.UpSampling2D()(conv(5, strides=2)(x))
    s = layers.Reshape((-1, 4))(conv(4)(h))
    s = layers.Bidirectional(layers.GRU(3, return_sequences=True))(s)
    query, key = layers.Dense(6)(s), layers.Dense(6)(s)
    model = keras.Model(x, layers.Dense(2)(ops.matmul(ops.softmax(ops.matmul(query, ops.swapaxes(key, 1, 2))), s)))
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model, input_shape=(*size, 3))
    keep = np.zeros(graph.num_ids, bool)
    keep[[group.ids[0] for group in graph.groups]] = True
    small = kp.slim(model, graph, keep)
    assert len(graph.free_groups) >= 4
    assert kp.verify(model, graph, keep, small) < 1e-5
    assert kp.trace(small, input_shape=(*size, 3)).macs() == graph.macs(graph.complete(keep))
