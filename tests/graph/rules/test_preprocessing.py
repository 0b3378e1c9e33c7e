"""Layers at the model's front: copied with all that they have learned, and what comes behind them can go."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import Batch
from tests.laws.random_models import random_keep

layers = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (5, 8, 8, 3)).astype("float32")
NUMBERS = RNG.uniform(0, 4, (7, 4)).astype("float32")
INTEGERS = RNG.integers(0, 4, (7, 4))
SOUND = RNG.standard_normal((3, 1024)).astype("float32")


def adapted(layer, data):
    layer.adapt(data)
    return layer


def embedded(tensor):
    return layers.GRU(5)(layers.Embedding(12, 3)(tensor))


def convolved(tensor):
    return layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(tensor))


CASES = {
    "flip": (layers.RandomFlip(), IMAGES, convolved),
    "rotation": (layers.RandomRotation(0.1), IMAGES, convolved),
    "crop": (layers.RandomCrop(6, 6), IMAGES, convolved),
    "center crop": (layers.CenterCrop(4, 4), IMAGES, convolved),
    "resizing": (layers.Resizing(5, 5), IMAGES, convolved),
    "contrast": (layers.RandomContrast(0.1), IMAGES, convolved),
    "normalization": (adapted(layers.Normalization(), IMAGES), IMAGES, convolved),
    "discretization": (adapted(layers.Discretization(num_bins=4), NUMBERS), NUMBERS, embedded),
    "integer lookup": (adapted(layers.IntegerLookup(), INTEGERS), INTEGERS, embedded),
    "hashing": (layers.Hashing(8), INTEGERS, embedded),
    "category": (layers.CategoryEncoding(6, output_mode="multi_hot"), INTEGERS, layers.Dense(4)),
    "tf-idf": (adapted(layers.IntegerLookup(output_mode="tf_idf"), INTEGERS), INTEGERS, layers.Dense(4)),
    "spectrogram": (layers.MelSpectrogram(num_mel_bins=8, sequence_stride=64, fft_length=128), SOUND, layers.GRU(4)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_comes_behind_is_cut_right(name):
    front, data, rest = CASES[name]
    x = keras.Input(data.shape[1:], dtype=data.dtype.name)
    model = keras.Model(x, layers.Dense(2)(rest(front(x))))
    graph = kp.trace(model)
    keep = random_keep(graph, np.random.default_rng(0))
    assert graph.free_groups
    assert not graph.declined
    assert kp.verify(model, graph, keep, kp.slim(model, graph, keep), [Batch(data)]) < 1e-5


def test_a_vocabulary_that_was_learned_is_carried_over():
    words = np.array([["a b c"], ["d a"]])
    x = keras.Input((1,), dtype="string")
    vectors = adapted(layers.TextVectorization(max_tokens=10, output_sequence_length=4, name="words"), words)
    small = kp.slim(keras.Model(x, layers.Dense(2)(embedded(vectors(x)))))
    assert small.get_layer("words").get_vocabulary() == vectors.get_vocabulary()


def test_channels_that_meet_such_a_layer_stay():
    x = keras.Input((8, 8, 3))
    h = layers.RandomContrast(0.1, name="contrast")(layers.Conv2D(3, 1)(x))
    graph = kp.trace(keras.Model(x, layers.Conv2D(2, 1)(h)))
    assert "`contrast` is a RandomContrast, made for data" in graph.groups[0].frozen
