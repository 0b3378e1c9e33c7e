"""`evaluate` gives one answer for a model and for the files that hold it."""

import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError, ModelFileError
from tests.tflite.small_models import cnn, normal, two_by_two

X, Y = normal(24, 16, 16, 3), np.arange(24) % 10


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    model = cnn()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["sparse_top_k_categorical_accuracy"])
    kp.save_model(model, folder / "m.keras")
    kp.export(model, folder / "m.tflite")
    return folder, model


@pytest.mark.processor
def test_a_model_and_its_files_are_judged_alike(files):
    folder, model = files
    expected = model.evaluate(X, Y, return_dict=True, verbose=0)
    for found in (
        kp.evaluate(model, (X, Y)),
        kp.evaluate(folder / "m.keras", (X, Y)),
        kp.evaluate(folder / "m.tflite", [(X[:10], Y[:10]), (X[10:], Y[10:])], like=model),
    ):
        assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.processor
def test_a_file_by_itself_is_judged_by_outputs_and_labels(files):
    folder, model = files
    found = kp.evaluate(folder / "m.tflite", (X, Y, np.ones(24)), limit=12)
    expected = np.mean(np.argmax(model.predict(X[:12], verbose=0), -1) == Y[:12])
    assert found["accuracy"] == pytest.approx(expected)


@pytest.mark.processor
def test_several_outputs(tmp_path):
    x = {"pixels": normal(8, 8, 8, 3), "extra": normal(8, 4)}
    path = kp.export(two_by_two(), tmp_path / "m.tflite").path
    found = kp.evaluate(path, (x, {"value": normal(8, 3), "kind": np.arange(8) % 5}))
    assert {"loss", "value_mean_absolute_error", "kind_accuracy"} <= set(found)


@pytest.mark.parametrize(
    ("name", "data", "error", "words"),
    [
        ("m.tflite", X, DataError, "needs labels"),
        ("m.tflite", (X[:, :8], Y), DataError, "expects samples of shape"),
        ("m.tflite", (X[:0], Y[:0]), DataError, "empty"),
        ("gone.tflite", (X, Y), ModelFileError, "no file"),
        ("m.keras", X, DataError, "labels"),
    ],
)
def test_bad_input(name, data, error, words, files):
    with pytest.raises(error, match=words):
        kp.evaluate(files[0] / name, data)
