"""`export`: built-in ops only, names kept, the same function, the same bytes."""

import importlib.util
import logging
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from kerasprune.core.errors import DataError, ExportError, FolderError, VerificationError
from kerasprune.recipes import RECIPES, Dynamic, Float32, Int8
from kerasprune.tflite import Runner, export, parity, run_tflite
from kerasprune.tflite.captured_output import captured_output
from tests.tflite.small_models import cnn, normal, recurrent, two_by_two

pytestmark = pytest.mark.processor
INSTALLED = [name for name, kind in RECIPES.items() if not kind.package or importlib.util.find_spec(kind.package)]


@pytest.mark.parametrize("recipe", INSTALLED)
def test_every_recipe_agrees_with_keras_and_keeps_the_names(recipe, tmp_path):
    model = cnn()
    result = export(model, tmp_path / "m.tflite", recipe, normal(32, 16, 16, 3))
    runner = Runner(result.path)
    assert result.recipe == recipe
    assert result.size == result.path.stat().st_size
    assert result.difference <= RECIPES[recipe]().tolerance
    assert list(runner.inputs) == ["image"] and list(runner.outputs) == ["probabilities"]
    assert [runner.inputs["image"]["name"], runner.outputs["probabilities"]["name"]] == ["image", "probabilities"]


def test_batch_norm_and_activation_are_fused(tmp_path):
    ops = export(cnn(), tmp_path / "m.tflite").ops
    assert ops == {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "MEAN": 1, "SOFTMAX": 1}


def test_int8_is_integer_inside_and_drops_in_outside(tmp_path):
    x = normal(32, 16, 16, 3)
    outside = Runner(export(cnn(), tmp_path / "f.tflite", "int8", x).path)
    inside = Runner(export(cnn(), tmp_path / "i.tflite", Int8(io="int8"), x).path)
    assert outside.inputs["image"]["dtype"] == outside.outputs["probabilities"]["dtype"] == np.float32
    assert inside.inputs["image"]["dtype"] == inside.outputs["probabilities"]["dtype"] == np.int8
    np.testing.assert_allclose(inside(x)["probabilities"], outside(x)["probabilities"], atol=1.01 / 256)


@pytest.mark.parametrize("recipe", INSTALLED)
def test_the_same_model_data_and_seed_give_the_same_bytes(recipe, tmp_path):
    model, x = cnn(), normal(300, 16, 16, 3)
    files = [export(model, tmp_path / f"{i}.tflite", recipe, x, seed=3).path.read_bytes() for i in range(2)]
    assert files[0] == files[1]


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    script = (
        "import sys; from kerasprune.tflite import export; from tests.tflite.small_models import cnn, normal\n"
        "export(cnn(), sys.argv[1], 'int8', normal(300, 16, 16, 3))"
    )
    for name in ("a.tflite", "b.tflite"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=True, capture_output=True)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_the_seed_draws_the_calibration_samples(tmp_path):
    x = normal(300, 16, 16, 3) * np.linspace(0.1, 3, 300, dtype="float32")[:, None, None, None]
    files = [
        export(cnn(), tmp_path / "m.tflite", Int8(samples=16), x, seed=seed).path.read_bytes() for seed in range(2)
    ]
    assert files[0] != files[1]


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_several_inputs_and_outputs_keep_their_names_and_order(recipe, tmp_path):
    model = two_by_two()
    data = {"extra": normal(32, 4), "pixels": normal(32, 8, 8, 3)}
    runner = Runner(export(model, tmp_path / "m.tflite", recipe, data).path)
    assert list(runner.inputs) == ["pixels", "extra"]
    assert list(runner.outputs) == ["value", "kind"]


def test_dicts_in_and_out_are_called_by_their_keys(tmp_path):
    a, b = layers.Input((4,), name="a"), layers.Input((3,), name="b")
    model = keras.Model({"b": b, "a": a}, {"sum": layers.Dense(2)(a), "other": layers.Dense(5)(b)})
    out = run_tflite(export(model, tmp_path / "m.tflite").path, {"a": normal(2, 4), "b": normal(2, 3)})
    assert {name: array.shape for name, array in out.items()} == {"sum": (2, 2), "other": (2, 5)}


def test_nested_and_shared_models(tmp_path):
    inner, inputs = cnn("inner"), layers.Input((16, 16, 3), name="outer")
    model = keras.Model(inputs, [inner(inputs), inner(layers.Rescaling(2.0)(inputs))])
    assert list(Runner(export(model, tmp_path / "m.tflite").path).outputs) == ["inner", "inner_1"]


@pytest.mark.parametrize("layer", [lambda: layers.LSTM(3), lambda: layers.Bidirectional(layers.GRU(3))])
@pytest.mark.parametrize("recipe", [Float32(), Dynamic(), Int8(allow_float=True)])
def test_recurrent_layers(layer, recipe, tmp_path):
    model = recurrent(layer())
    result = export(model, tmp_path / "m.tflite", recipe, normal(64, 8, 4))
    assert ("WHILE" in result.ops) == (recipe.name != "int8")
    assert model.layers[0].get_config().get("unroll", False) is False


def test_half_precision_models_are_exported_in_float32(tmp_path):
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = cnn()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    result = export(model, tmp_path / "m.tflite")
    assert result.difference < 1e-5
    assert model.layers[-1].compute_dtype == "float16"


def test_channels_first_is_transposed_into_built_in_ops(tmp_path):
    model = keras.Sequential(
        [layers.Input((3, 8, 8)), layers.Conv2D(4, 3, data_format="channels_first"), layers.Flatten(), layers.Dense(2)]
    )
    assert export(model, tmp_path / "m.tflite").ops["TRANSPOSE"] >= 1


@pytest.mark.parametrize("batch_size", [4, None])
def test_other_batch_sizes(batch_size, tmp_path):
    model, x = cnn(), normal(6, 16, 16, 3)
    path = export(model, tmp_path / "m.tflite", batch_size=batch_size).path
    shape = Runner(path).inputs["image"]["shape_signature"]
    assert shape[0] == (batch_size or -1)
    np.testing.assert_allclose(run_tflite(path, x)["probabilities"], np.asarray(model(x)), atol=1e-5)


class TestOpenDimensions:
    def model(self):
        return keras.Sequential(
            [layers.Input((None, None, 3), name="image"), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()]
        )

    def test_are_asked_for(self, tmp_path):
        with pytest.raises(ExportError, match=r"'image' has open dimensions: \(None, None, 3\).*input_shapes"):
            export(self.model(), tmp_path / "m.tflite")

    def test_are_set_by_name(self, tmp_path):
        path = export(self.model(), tmp_path / "m.tflite", input_shapes={"image": (8, 9, 3)}).path
        assert list(Runner(path).inputs["image"]["shape"]) == [1, 8, 9, 3]

    def test_are_read_off_the_data(self, tmp_path):
        path = export(self.model(), tmp_path / "m.tflite", data=normal(4, 7, 8, 3)).path
        assert list(Runner(path).inputs["image"]["shape"]) == [1, 7, 8, 3]

    @pytest.mark.parametrize("shapes", [{"image": (8, 8, 4)}, {"image": (8, 8)}, {"img": (8, 8, 3)}])
    def test_must_fit(self, shapes, tmp_path):
        with pytest.raises(ExportError, match="has the shape|names no input"):
            export(self.model(), tmp_path / "m.tflite", input_shapes=shapes, data=normal(4, 7, 8, 3))


class TestRefusals:
    """Each leaves no file behind."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path / "m.tflite"
        yield
        assert list(tmp_path.iterdir()) == []

    def test_an_op_without_tflite_kernel_is_named_with_its_layer(self):
        inputs = layers.Input((4,))
        odd = layers.Lambda(keras.ops.erfinv, output_shape=(4,), name="odd")
        with pytest.raises(ExportError, match="Erfinv in layer 'odd'"):
            export(keras.Model(inputs, odd(inputs)), self.path)

    def test_an_op_that_only_tensorflow_has_is_not_smuggled_in(self):
        with pytest.raises(ExportError, match="TensorListReserve in layer 'memory'.*fixed batch size"):
            export(recurrent(layers.LSTM(3, name="memory")), self.path, batch_size=None)

    def test_an_op_without_integer_kernel_is_named(self):
        inputs = layers.Input((8, 6))
        model = keras.Model(inputs, layers.Dense(2)(layers.Lambda(keras.ops.cos, name="wave")(inputs)))
        with pytest.raises(ExportError, match=r"COS in layer 'wave'.*allow_float=True"):
            export(model, self.path, "int8", normal(32, 8, 6))

    def test_what_a_plain_variable_remembers(self):
        import tensorflow as tf

        class Counts(layers.Layer):
            def build(self, shape):
                self.total = tf.Variable(0.0)

            def call(self, x):
                return x + (self.total.assign_add(1.0) if isinstance(x, tf.Tensor) else 0.0)

        inputs = layers.Input((4,))
        with pytest.raises(ExportError, match="tf.Variable at inference in layer 'counts'.*add_weight"):
            export(keras.Model(inputs, Counts(name="counts")(inputs)), self.path)

    def test_weights_that_are_not_finite(self):
        model = cnn()
        model.get_layer("stem").kernel.assign(keras.ops.full((3, 3, 3, 8), np.nan))
        with pytest.raises(ExportError, match="stem/kernel.*NaN"):
            export(model, self.path)

    def test_a_difference_above_the_tolerance(self):
        with pytest.raises(VerificationError, match=r"'probabilities' of the dynamic file differs from Keras by \d"):
            model = keras.Sequential([layers.Input((64,)), layers.Dense(64, name="probabilities")])
            export(model, self.path, Dynamic(tolerance=1e-9))

    def test_no_data_for_int8(self):
        with pytest.raises(DataError, match="'int8' needs representative data"):
            export(cnn(), self.path, "int8")

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (normal(4, 16, 16, 1), r"expects samples of shape \(16, 16, 3\). Received: \(16, 16, 1\)"),
            (normal(0, 16, 16, 3), "empty"),
            (np.full((4, 16, 16, 3), np.nan, "float32"), "NaN"),
            ({"picture": normal(4, 16, 16, 3)}, r"lacks the inputs \['image'\]"),
            (np.array([["a"]]), "Received: "),
            (np.full((4, 16, 16, 3), np.inf, "float32"), "infinite"),
        ],
    )
    def test_data_that_does_not_fit(self, data, sentence):
        with pytest.raises(DataError, match=sentence):
            export(cnn(), self.path, "int8", data)

    def test_a_subclassed_model(self):
        class Own(keras.Model):
            def call(self, inputs):
                return inputs

        with pytest.raises(ExportError, match="no fixed inputs.*keras.Model"):
            export(Own(), self.path)

    def test_an_unbuilt_model(self):
        with pytest.raises(ExportError, match="no fixed inputs"):
            export(keras.Sequential([layers.Dense(3)]), self.path)

    def test_an_unknown_recipe(self):
        with pytest.raises(ValueError, match="no recipe named 'int9'.*'int8'"):
            export(cnn(), self.path, "int9")

    def test_another_suffix(self):
        with pytest.raises(ExportError, match=r"must end in '.tflite'.*m.bin"):
            export(cnn(), self.path.with_suffix(".bin"))

    def test_a_missing_folder_before_the_work_begins(self):
        with pytest.raises(FolderError, match="nowhere"):
            export(cnn(), self.path.parent / "nowhere" / "m.tflite")


def test_ops_without_integer_kernel_can_be_allowed(tmp_path):
    inputs = layers.Input((8, 6))
    model = keras.Model(inputs, keras.ops.cos(layers.Dense(6)(inputs)))
    assert export(model, tmp_path / "m.tflite", Int8(allow_float=True), normal(32, 8, 6)).ops["FULLY_CONNECTED"] == 1


def test_the_check_can_be_left_out(tmp_path):
    result = export(cnn(), tmp_path / "m.tflite", replace(Float32(), tolerance=1e-30), verify=False)
    assert result.difference is None and result.max_difference is None


def test_embeddings_get_integers_they_know(tmp_path):
    model = keras.Sequential(
        [layers.Input((8,), dtype="int32"), layers.Embedding(5, 4), layers.Flatten(), layers.Dense(3)]
    )
    assert export(model, tmp_path / "m.tflite").difference < 1e-5


def test_nothing_is_printed(tmp_path, capfd):
    export(cnn(), tmp_path / "m.tflite", "int8", normal(8, 16, 16, 3))
    assert capfd.readouterr() == ("", "")


def test_few_large_samples_are_checked(tmp_path, monkeypatch):
    seen = []
    first = parity._first
    monkeypatch.setattr(parity, "_first", lambda samples: seen.append(first(samples)[0].shape[0]) or first(samples))
    for size in (8, 1024):
        model = keras.Sequential([layers.Input((size, size, 1)), layers.GlobalMaxPooling2D(), layers.Dense(2)])
        export(model, tmp_path / "m.tflite")
    assert seen == [16, 8]


def test_a_factor_for_each_channel_is_exported_as_a_product(tmp_path):
    inputs = keras.Input((6, 6, 3))
    options = {"bias_axes": "c", "bias_initializer": "random_normal", "activation": "relu"}
    factor = layers.EinsumDense("...c,c->...c", (8,), **options)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(factor(layers.Conv2D(8, 3)(inputs))))
    result = export(model, tmp_path / "model.tflite")
    assert not {"BATCH_MATMUL", "TRANSPOSE"} & set(result.ops)
    assert model.get_layer(factor.name) is factor


def test_what_logs_after_an_export_is_read(tmp_path):
    name = "kerasprune.tests.a_library_that_logs"
    with captured_output():
        logging.getLogger(name).addHandler(logging.StreamHandler())
    (handler,) = logging.getLogger(name).handlers
    assert handler.stream is sys.stderr
