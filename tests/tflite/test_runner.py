"""Running `.tflite` files on arrays."""

import numpy as np
import pytest

from kerasprune.core.errors import DataError, ExportError, ModelFileError
from kerasprune.recipes import Int8
from kerasprune.tflite import Runner, export, run_tflite, runner
from kerasprune.tflite.flatbuffer import parse
from tests.tflite.small_models import cnn, normal, two_by_two


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return export(cnn(), tmp_path_factory.mktemp("runner") / "m.tflite").path


def test_any_number_of_samples(file):
    x = normal(5, 16, 16, 3)
    np.testing.assert_allclose(run_tflite(file, x)["probabilities"], np.asarray(cnn()(x)), atol=1e-6)


def test_bytes_and_path_are_the_same(file):
    x = normal(2, 16, 16, 3)
    np.testing.assert_array_equal(
        run_tflite(file, x)["probabilities"], run_tflite(file.read_bytes(), {"image": x})["probabilities"]
    )


def test_integers_of_the_input_type_go_in_as_they_are(tmp_path):
    x = normal(32, 16, 16, 3)
    quantized = Runner(export(cnn(), tmp_path / "m.tflite", Int8(io="int8"), x).path)
    scale, zero_point = quantized.inputs["image"]["quantization"]
    integers = np.clip(np.round(x.astype("float64") / scale) + zero_point, -128, 127).astype("int8")
    np.testing.assert_array_equal(quantized(integers)["probabilities"], quantized(x)["probabilities"])


def test_a_list_goes_in_the_order_of_the_file(tmp_path):
    model, x = two_by_two(), [normal(3, 8, 8, 3), normal(3, 4)]
    out = run_tflite(export(model, tmp_path / "m.tflite").path, x)
    value, kind = model(x)
    np.testing.assert_allclose(out["value"], np.asarray(value), atol=1e-5)
    np.testing.assert_allclose(out["kind"], np.asarray(kind), atol=1e-5)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        ({"picture": normal(1, 16, 16, 3)}, r"inputs \['image'\]. Received: \['picture'\]"),
        ([normal(1, 16, 16, 3), normal(1, 4)], "Received: 2 arrays"),
        (normal(1, 16, 16, 4), "expects samples of shape"),
        (normal(16, 16, 3), "expects samples of shape"),
        (normal(0, 16, 16, 3), "expects samples of shape"),
    ],
)
def test_arrays_that_do_not_fit(file, x, sentence):
    with pytest.raises(DataError, match=sentence):
        run_tflite(file, x)


def test_a_missing_file():
    with pytest.raises(ModelFileError, match="There is no file 'none.tflite'"):
        Runner("none.tflite")


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 100])
def test_what_is_no_tflite_model(content, tmp_path):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(ModelFileError, match="m.tflite' is no TFLite model"):
        Runner(tmp_path / "m.tflite")


def test_a_truncated_file_is_refused_wherever_it_ends(file):
    content = file.read_bytes()
    for end in range(8, len(content), 61):
        with pytest.raises(ModelFileError, match="damaged TFLite model"):
            Runner(content[:end])


def test_ops_that_only_tensorflow_has_are_named(file, monkeypatch):
    monkeypatch.setattr(runner, "custom_operators", lambda model: [("FlexErf", "t")])
    with pytest.raises(ExportError, match="not built into TFLite: FlexErf"):
        Runner(file)


def test_weights_stand_at_multiples_of_16(file):
    content = file.read_bytes()
    for buffer in parse(content).buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            assert content.index(bytes(buffer.data)) % 16 == 0
