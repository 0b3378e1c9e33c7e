"""The conversion in a child process, which other backends use."""

import keras
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core.errors import ExportError
from kerasprune.recipes import Int8
from kerasprune.tflite.child import convert_in_child
from kerasprune.tflite.convert import convert
from kerasprune.tflite.signature import input_specs
from tests.tflite.small_models import cnn, normal


@pytest.mark.slow
def test_the_child_converts_to_the_same_bytes():
    model, samples = cnn(), [normal(16, 16, 16, 3)]
    specs = input_specs(model, 1)
    recipe = Int8(io="uint8")
    assert convert_in_child(model, specs, recipe, samples) == convert(model, specs, recipe, samples)


@pytest.mark.backend
def test_a_model_that_is_trained_with_gates_is_exported_on_every_backend(tmp_path):
    gated = kp.gate(cnn(), budget=kp.Budget(flops=0.5))
    gated.compile("adam", "mse")
    x = normal(16, 16, 16, 3)
    gated.fit(x, gated.predict(x, verbose=0), batch_size=8, epochs=2, verbose=0)
    small = kp.slim(gated)
    result = kp.export(small, tmp_path / "small.tflite", recipe="int8", data=x)
    assert result.difference < Int8().tolerance
    assert kp.trace(small).macs() <= 0.5 * kp.trace(cnn()).macs()


@pytest.mark.slow
def test_the_reason_of_a_failure_comes_back():
    inputs = layers.Input((4,))
    model = keras.Model(inputs, keras.ops.erfinv(layers.Dense(2)(inputs)))
    with pytest.raises(ExportError, match="Erfinv"):
        convert_in_child(model, input_specs(model, 1), Int8(), [normal(8, 4)])


@pytest.mark.slow
def test_a_model_that_the_child_must_not_open_is_told():
    inputs = layers.Input((4,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x + 1, output_shape=(4,))(inputs))
    with pytest.raises(ExportError, match="Lambda.*KERAS_BACKEND=tensorflow"):
        convert_in_child(model, input_specs(model, 1), Int8(), [normal(8, 4)])
