"""What a model remembers becomes inputs and outputs of its file; what only looks like a memory does not."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasprune.recipes import Float32, Int8
from kerasprune.tflite import Runner, export
from tests.tflite.small_models import normal, recurrent

pytestmark = pytest.mark.processor


@keras.saving.register_keras_serializable(package="tests")
class LastSteps(layers.Layer):
    """Puts the last two steps of the call before in front of its input."""

    def build(self, shape):
        self.held = self.add_weight(shape=(1, 2, shape[-1]), initializer="zeros", trainable=False, name="held")

    def call(self, x):
        longer = ops.concatenate([self.held, x], axis=1)
        self.held.assign(longer[:, -2:])
        return longer


STATEFUL = {
    "gru": lambda: layers.GRU(3, stateful=True, name="memory"),
    "lstm": lambda: layers.LSTM(3, stateful=True, dropout=0.2, name="memory"),
    "both ways": lambda: layers.Bidirectional(layers.SimpleRNN(3, stateful=True), name="memory"),
    "own": lambda: LastSteps(name="memory"),
}


def _model(layer, batch=1) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(batch, 5, 4), name="steps")
    return keras.Model(inputs, layers.Dense(2, name="head")(layer(inputs)))


@pytest.mark.parametrize(
    ("kind", "recipe"), [("gru", Int8()), ("lstm", Float32()), ("both ways", Float32()), ("own", Int8())]
)
def test_a_stream_through_the_file_is_one_through_the_model(kind, recipe, tmp_path):
    model, x = _model(STATEFUL[kind]()), normal(16, 5, 4)
    runner = Runner(export(model, tmp_path / "m.tflite", recipe, x).path)
    states = {name: np.zeros(detail["shape"], "float32") for name, detail in runner.inputs.items() if name != "steps"}
    assert states and all(name.startswith("memory") for name in states)
    found = []
    for each in x:
        outputs = runner({"steps": each[None], **states})
        states = {name: outputs[name] for name in states}
        found.append(outputs["head"])
    expected = [ops.convert_to_numpy(model(each[None])) for each in x]
    np.testing.assert_allclose(np.concatenate(found), np.concatenate(expected), atol=1e-4 if recipe.bits == 0 else 0.2)


def test_an_export_does_not_move_the_state_of_the_model(tmp_path):
    model, x = _model(LastSteps(name="memory")), normal(4, 5, 4)
    export(model, tmp_path / "m.tflite", data=x)
    assert not ops.convert_to_numpy(model.get_layer("memory").held).any()


def test_the_batch_of_the_states_is_that_of_the_file(tmp_path):
    runner = Runner(
        export(_model(layers.GRU(3, stateful=True), 4), tmp_path / "m.tflite", "int8", normal(9, 5, 4)).path
    )
    assert {int(detail["shape"][0]) for detail in runner.inputs.values()} == {4}


def test_dropout_is_no_state(tmp_path):
    runner = Runner(export(recurrent(layers.LSTM(3, dropout=0.2)), tmp_path / "m.tflite").path)
    assert list(runner.inputs) == ["steps"] and list(runner.outputs) == ["head"]


@pytest.mark.parametrize("recipe", [Float32(), Int8()], ids=lambda recipe: recipe.name)
def test_the_name_that_keras_gives_works_with_every_recipe(recipe, tmp_path):
    model = keras.Sequential([keras.Input((None, 3)), layers.LSTM(4), layers.Dense(1)])
    (name,) = [tensor.name for tensor in model.inputs]
    result = export(model, tmp_path / "m.tflite", recipe, normal(16, 6, 3), input_shapes={name: (6, 3)})
    assert result.inputs == {name: (1, 6, 3)}


@pytest.mark.slow
@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_ten_exports_of_a_recurrent_layer_are_one_file(layer, tmp_path):
    model, x = recurrent(layer(6)), normal(64, 8, 4)
    assert len({export(model, tmp_path / "m.tflite", "int8", x).path.read_bytes() for _ in range(10)}) == 1
