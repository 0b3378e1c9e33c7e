"""What TFLite has no kernel for, or one that errs, is written in operations that it has; inputs of bytes stay bytes."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasprune.core.errors import DataError
from kerasprune.recipes import Float32, Int8, Int16x8
from kerasprune.tflite import Runner, export
from tests.tflite.small_models import normal

pytestmark = pytest.mark.processor


def _model(shape, body, dtype=None) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, body(inputs))


TOKENS = {
    "layer": lambda x: layers.LayerNormalization()(x + 5.0),
    "group": lambda x: layers.GroupNormalization(4)(layers.Dense(16)(x)),
    "unit": layers.UnitNormalization(),
    "rms": layers.RMSNormalization(),
    "inside a wrapper": layers.TimeDistributed(layers.LayerNormalization()),
    "elu": lambda x: layers.Dense(4, "elu")(x),
    "softplus": lambda x: layers.Dense(4, "softplus")(x),
    "negative power": lambda x: -(layers.Dense(4)(x) ** 3),
    "sum": lambda x: ops.sum(layers.Dense(16)(x), axis=-1),
}


@pytest.mark.parametrize("body", TOKENS.values(), ids=TOKENS)
def test_integers_all_the_way(body, tmp_path):
    _assert_integers(body, Int8(tolerance=0.06), tmp_path)


@pytest.mark.parametrize("name", ["layer", "unit", "sum"])
def test_integers_of_16_bits(name, tmp_path):
    _assert_integers(TOKENS[name], Int16x8(tolerance=0.02), tmp_path)


def _assert_integers(body, recipe, tmp_path):
    model = _model((6, 16), lambda x: body(layers.Dense(16)(x)))
    ops_of_file = export(model, tmp_path / "m.tflite", recipe, normal(32, 6, 16)).ops
    assert ops_of_file["QUANTIZE"] >= 1 and not {"NEG", "SQUARE", "POW", "ELU"} & set(ops_of_file)


@pytest.mark.parametrize("axis", [-1, 1])
def test_group_normalization_of_images(axis, tmp_path):
    shape, data_format = ((6, 6, 8), "channels_last") if axis == -1 else ((8, 6, 6), "channels_first")
    model = _model(
        shape, lambda x: layers.GroupNormalization(2, axis=axis)(layers.Conv2D(8, 1, data_format=data_format)(x))
    )
    assert export(model, tmp_path / "m.tflite", Int8(tolerance=0.06), normal(32, *shape)).difference > 0


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32"])
def test_integers_as_inputs_stay_what_they_are(dtype, tmp_path):
    low = -128 if dtype == "int8" else 0
    x = np.random.default_rng(0).integers(low, low + 256, (32, 6, 6, 3)).astype(dtype)
    model = _model((6, 6, 3), lambda x: layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(x)), dtype)
    runner = Runner(export(model, tmp_path / "m.tflite", Int8(tolerance=0.03), x).path)
    (detail,) = runner.inputs.values()
    assert np.dtype(detail["dtype"]) == dtype and detail["quantization"] == (1.0, 0)


def test_bytes_of_a_file_of_integers_are_shifted_and_nothing_else(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (32, 6, 6, 3)).astype("uint8")
    model = _model((6, 6, 3), lambda x: layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(x)), "uint8")
    (detail,) = Runner(export(model, tmp_path / "m.tflite", Int8(io="int8"), x // 2).path).inputs.values()
    assert detail["dtype"] == np.int8 and detail["quantization"] == (1.0, -128)


def test_inputs_that_are_looked_up_stay_integers(tmp_path):
    model = _model((8,), lambda x: layers.Dense(3)(layers.Flatten()(layers.Embedding(5, 4)(x))), "int32")
    runner = Runner(export(model, tmp_path / "m.tflite", "int8", np.arange(80).reshape(10, 8) % 5).path)
    assert next(iter(runner.inputs.values()))["dtype"] == np.int32


@pytest.mark.parametrize("x", [np.full((4, 6), 300.0), np.full((4, 6), 0.5), np.full((4, 6), -1)])
def test_values_that_bytes_cannot_be(x, tmp_path):
    model = _model((6,), lambda x: layers.Dense(2)(layers.Rescaling(1 / 255)(x)), "uint8")
    with pytest.raises(DataError, match="whole numbers of type uint8. Received: .* from"):
        export(model, tmp_path / "m.tflite", "int8", x)


@pytest.mark.parametrize("recipe", [Float32(), Int8()], ids=lambda recipe: recipe.name)
def test_attention_of_one_channel(recipe, tmp_path):
    model = _model((12, 1), lambda x: layers.MultiHeadAttention(2, 4)(x + x, x + x))
    assert export(model, tmp_path / "m.tflite", recipe, normal(32, 12, 1)).ops


def test_a_layer_of_the_user(tmp_path):
    class Block(layers.Layer):
        def build(self, shape):
            self.norm, self.dense = layers.LayerNormalization(), layers.Dense(8)
            self.norm.build(shape)
            self.dense.build(shape)

        def call(self, x):
            return x + self.dense(self.norm(x))

    assert export(_model((6, 8), Block()), tmp_path / "m.tflite", Int8(tolerance=0.06), normal(32, 6, 8)).ops
