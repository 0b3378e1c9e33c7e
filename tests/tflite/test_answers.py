"""What a file decides beside what Keras decides, and how good it is by labels; the next recipe is offered and tried."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core.errors import VerificationError
from kerasprune.recipes import Float32, Int8
from kerasprune.tflite import Answers, export
from kerasprune.tflite.decision import decision_of
from tests.tflite.small_models import cnn, normal

pytestmark = pytest.mark.processor
LOOSE = Int8(tolerance=100, agreement=0)


def fragile() -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """A model of one small feature beside a large one that it ignores: 8 bits lose the small one."""
    x = normal(128, 2) * np.array([1000, 1], "float32")
    inputs = keras.Input((2,), name="features")
    dense = layers.Dense(2, activation="softmax", name="kind")
    model = keras.Model(inputs, dense(inputs))
    dense.set_weights([np.array([[0, 0], [5, -5]], "float32"), np.zeros(2, "float32")])
    return model, x, (x[:, 1] < 0).astype(int)


def test_a_file_that_answers_otherwise_is_refused_with_the_next_recipe(tmp_path):
    model, x, _ = fragile()
    recipe = Int8(tolerance=100, agreement=0.9)
    with pytest.raises(VerificationError, match=r"top class as in Keras on \d.*recipe='int16x8'.*'int8,int16x8'"):
        export(model, tmp_path / "m.tflite", recipe, x)
    assert not list(tmp_path.iterdir())


def test_labels_say_what_a_file_has_lost(tmp_path):
    model, x, y = fragile()
    with pytest.warns(UserWarning, match=r"accuracy 0\.\d+ instead of 1 on 128 samples"):
        result = export(model, tmp_path / "m.tflite", LOOSE, (x, y))
    assert result.answers.keras_quality["accuracy"] == 1 and result.answers.samples == 128
    assert kp.evaluate(result.path, (x, y)) == pytest.approx(result.answers.quality)
    assert kp.evaluate(model, (x, y))["accuracy"] == 1


def test_the_first_recipe_that_holds_is_taken(tmp_path):
    model, x, y = fragile()
    result = export(model, tmp_path / "m.tflite", [LOOSE, "int16x8", "dynamic"], iter([(x, y)]))
    assert result.recipe == "int16x8" and result.answers.quality["accuracy"] > 0.98
    assert len(result.remarks) == 1 and "int8 file answers otherwise" in result.remarks[0]


def test_recipes_of_which_none_holds(tmp_path):
    model, x, _ = fragile()
    with pytest.raises(VerificationError, match="None of the recipes holds. int8 is refused.*float32 is refused"):
        export(model, tmp_path / "m.tflite", [Int8(tolerance=1e-9), Float32(tolerance=1e-30)], x)


def test_names_of_recipes_with_commas(tmp_path):
    assert export(cnn(), tmp_path / "m.tflite", "int8, int16x8", normal(32, 16, 16, 3)).recipe == "int8"


@pytest.mark.parametrize(
    ("values", "labels", "loss", "name"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], None, None, "top class"),
        ([[2.0, -1.0], [0.5, 7.0]], None, None, None),
        ([[2.0, -1.0], [0.5, 7.0]], [0, 1], None, "top class"),
        ([[2.0, -1.0], [0.5, 7.0]], None, "sparse_categorical_crossentropy", "top class"),
        ([[0.2], [0.9]], None, None, "yes or no"),
        ([[-3.0], [2.0]], None, keras.losses.BinaryCrossentropy(from_logits=True), "yes or no"),
        ([[-3.0], [2.0]], [0.3, 0.5], None, None),
        ([[[0.2, 0.8], [0.5, 0.5]]], None, None, "top class"),
    ],
)
def test_what_an_output_decides(values, labels, loss, name):
    labels = None if labels is None else np.array(labels)
    found = decision_of("out", np.array(values), labels, loss)
    assert (found and found.name) == name


def test_random_samples_say_nothing_about_answers(tmp_path):
    assert export(cnn(), tmp_path / "m.tflite").answers == Answers()


def test_labels_that_do_not_fit_are_none(tmp_path):
    x = normal(16, 16, 16, 3)
    assert not export(cnn(), tmp_path / "m.tflite", data=(x, np.full((16, 3), "a"))).answers.quality


@pytest.mark.parametrize(
    ("data", "recipe", "sentence"),
    [
        (normal(4, 16, 16, 3), "int8", "calibrated on 4 samples; 128 were asked for"),
        (normal(20, 16, 16, 3), Int8(samples=30), "calibrated on 20 samples; 30"),
        (np.zeros((16, 16, 16, 3), "float32"), Int8(tolerance=9), "All values of the data for input 'image' are 0"),
    ],
)
def test_odd_data_is_remarked(data, recipe, sentence, tmp_path):
    with pytest.warns(UserWarning, match=sentence):
        assert sentence in export(cnn(), tmp_path / "m.tflite", recipe, data).remarks[0]


def test_the_layer_that_breaks_is_seen(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 8))
    x = layers.Dense(8, name="fine")(inputs)
    x = layers.Rescaling([1, 1, 1, 1, 1, 1, 1, 3000.0], name="breaks")(x)
    model = keras.Model(inputs, layers.Dense(4, name="last")(x[..., :7]))
    result = export(model, tmp_path / "m.tflite", LOOSE, normal(32, 6, 8), layer_errors=True)
    errors = {row.layer: row.error for row in result.layer_errors}
    assert errors["fine"] < 0.05 < 0.5 < errors["last"]
