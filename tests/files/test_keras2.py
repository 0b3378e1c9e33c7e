"""Files of Keras 2 open and compute what they computed."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasprune.core.errors import ModelFileError
from kerasprune.files import load_model
from kerasprune.files.keras2 import modernize
from tests.backends import numbers
from tests.files.keras2_file import write_keras2_h5

pytestmark = pytest.mark.processor

_OLD_UNIFORM = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None, "dtype": "float32"},
}


def _sequential(shape, *stack):
    return keras.Sequential([layers.Input(shape), *stack])


def _nested():
    inner = _sequential((8, 8, 4), layers.DepthwiseConv2D(3), layers.BatchNormalization())
    inputs = layers.Input((8, 8, 4))
    return keras.Model(inputs, layers.Concatenate(axis=1)([inner(inputs), inner(inputs)]))


def _half():
    policy = keras.DTypePolicy("mixed_float16")
    return _sequential((8, 8, 4), layers.DepthwiseConv2D(3, dtype=policy), layers.Conv2D(2, 3, dtype=policy))


CASES = {
    "depthwise": (lambda: _sequential((8, 8, 4), layers.DepthwiseConv2D(3)), {"DepthwiseConv2D": {"groups": 1}}),
    "nested": (_nested, {"DepthwiseConv2D": {"groups": 1}, "BatchNormalization": {"axis": [3]}}),
    "half precision": (_half, {"DepthwiseConv2D": {"groups": 1}}),
    "transpose": (lambda: _sequential((8, 8, 4), layers.Conv2DTranspose(2, 3)), {"Conv2DTranspose": {"groups": 1}}),
    "separable": (
        lambda: _sequential((8, 8, 4), layers.SeparableConv2D(2, 3)),
        {"SeparableConv2D": {"groups": 1, "kernel_initializer": _OLD_UNIFORM}},
    ),
    "lstm": (lambda: _sequential((8, 4), layers.LSTM(3)), {"LSTM": {"time_major": False, "implementation": 2}}),
    "wrapped": (
        lambda: _sequential((8, 4), layers.Bidirectional(layers.GRU(3))),
        {"GRU": {"time_major": False, "implementation": 2}},
    ),
    "cells": (
        lambda: _sequential((8, 4), layers.RNN([layers.LSTMCell(3), layers.SimpleRNNCell(2)])),
        {"RNN": {"time_major": False}, "SimpleRNNCell": {"implementation": 1}},
    ),
    "per step": (
        lambda: _sequential((2, 8, 8, 4), layers.TimeDistributed(layers.BatchNormalization())),
        {"BatchNormalization": {"axis": [3], "renorm": False}},
    ),
    "leaky": (
        lambda: _sequential((8,), layers.LeakyReLU(0.3)),
        {"LeakyReLU": {"alpha": {"class_name": "__numpy__", "type": "ndarray", "value": 0.3}}},
    ),
    "initializer": (lambda: _sequential((8,), layers.Dense(3)), {"Dense": {"kernel_initializer": _OLD_UNIFORM}}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_keras_2_file_computes_the_same(case, tmp_path):
    make, extra = CASES[case]
    model = make()
    x = np.random.default_rng(0).standard_normal((2, *model.input_shape[1:])).astype("float32")

    loaded = load_model(write_keras2_h5(model, tmp_path / "old.h5", extra))

    np.testing.assert_array_equal(numbers(loaded(x)), numbers(model(x)))
    assert loaded.layers[-1].dtype_policy.name == model.layers[-1].dtype_policy.name


def test_channels_first_survives(tmp_path):
    model = _sequential((4, 8, 8), layers.DepthwiseConv2D(3, data_format="channels_first"))
    loaded = load_model(write_keras2_h5(model, tmp_path / "old.h5", {"DepthwiseConv2D": {"groups": 1}}))
    assert loaded.output_shape == (None, 4, 6, 6)
    assert loaded.layers[-1].data_format == "channels_first"


def test_the_file_is_left_as_it_was(tmp_path):
    path = write_keras2_h5(CASES["depthwise"][0](), tmp_path / "old.h5", CASES["depthwise"][1])
    before = path.read_bytes()
    load_model(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_option_without_a_successor_is_refused_by_name(tmp_path):
    model = _sequential((8, 4), layers.LSTM(3, name="memory"))
    path = write_keras2_h5(model, tmp_path / "old.h5", {"LSTM": {"time_major": True}})
    with pytest.raises(ModelFileError, match="'memory'.*time_major=True.*time_major=False"):
        load_model(path)


def test_a_changed_activation_is_told(tmp_path):
    model = _sequential((4,), layers.Dense(3, activation="hard_sigmoid", name="gate"))
    path = write_keras2_h5(model, tmp_path / "old.h5", {})
    with pytest.warns(UserWarning, match="hard_sigmoid.*gate"):
        load_model(path)


def test_the_config_itself_is_not_changed():
    config = {"class_name": "DepthwiseConv2D", "config": {"name": "d", "groups": 1}}
    assert modernize(config)["config"] == {"name": "d"}
    assert config["config"]["groups"] == 1
