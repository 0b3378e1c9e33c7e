"""Opening model files, good and bad."""

import json
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from kerasprune.core.errors import ModelFileError
from kerasprune.files import load_model, save_model

pytestmark = pytest.mark.backend


@pytest.fixture
def model():
    return keras.Sequential([layers.Input((4,)), layers.Dense(3, name="head")])


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_round_trip(model, name, tmp_path):
    loaded = load_model(save_model(model, tmp_path / name))
    for got, want in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_content_decides_not_the_name(model, tmp_path):
    save_model(model, tmp_path / "model.keras").rename(tmp_path / "model.h5")
    assert load_model(tmp_path / "model.h5").layers[-1].name == "head"


def test_compile_settings_come_back(model, tmp_path):
    model.compile("sgd", "mse")
    assert load_model(save_model(model, tmp_path / "m.keras")).compiled


def test_compile_settings_that_cannot_come_back_are_left_out(model, tmp_path):
    def own_loss(y_true, y_pred):
        return keras.ops.mean(y_true - y_pred)

    model.compile("sgd", own_loss)
    path = save_model(model, tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="compile settings .*m.keras"):
        loaded = load_model(path)
    assert not loaded.compiled


def _truncated(tmp_path, model, name):
    path = save_model(model, tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _weights_only(tmp_path, model):
    path = tmp_path / "only.weights.h5"
    model.save_weights(path)
    return path


def _archive(tmp_path, **members):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_json", ".json"), text)
    return path


def _h5_of_garbage(tmp_path):
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file.attrs["model_config"] = "{not json"
        file.create_group("model_weights")
    return tmp_path / "g.h5"


def _text(tmp_path, name, text=""):
    (tmp_path / name).write_text(text)
    return tmp_path / name


BAD_FILES = {
    "missing": (lambda folder, model: folder / "none.keras", "There is no file"),
    "folder": (lambda folder, model: folder, "is a folder"),
    "empty": (lambda folder, model: _text(folder, "e.keras"), r"0 bytes\) is damaged or no Keras model"),
    "text": (lambda folder, model: _text(folder, "t.h5", "hello"), "neither a '.keras' archive"),
    "half keras": (lambda folder, model: _truncated(folder, model, "t.keras"), "damaged"),
    "half h5": (lambda folder, model: _truncated(folder, model, "t.h5"), "damaged"),
    "weights only": (_weights_only, "weights only"),
    "other archive": (lambda folder, model: _archive(folder, readme="hi"), "has no config.json"),
    "garbage config": (lambda folder, model: _h5_of_garbage(folder), "damaged or no Keras model|cannot be opened"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_clear_sentence(case, model, tmp_path):
    make, sentence = BAD_FILES[case]
    path = make(tmp_path, model)
    with pytest.raises(ModelFileError, match=sentence) as caught:
        load_model(path)
    assert len(str(caught.value).splitlines()) == 1


def test_code_in_a_file_is_not_run(tmp_path):
    model = keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x + 1, output_shape=(4,))])
    with pytest.raises(ModelFileError, match="Lambda"):
        load_model(save_model(model, tmp_path / "m.keras"))


def test_an_archive_of_keras_2_is_read_through_a_modern_copy(tmp_path):
    model = keras.Sequential([layers.Input((8, 8, 2)), layers.DepthwiseConv2D(3, name="d")])
    with zipfile.ZipFile(save_model(model, tmp_path / "new.keras")) as new:
        members = {name: new.read(name) for name in new.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][-1]["config"]["groups"] = 1
    members["config.json"] = json.dumps(config)
    members["metadata.json"] = json.dumps({"keras_version": "2.15.0"})
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name, content in members.items():
            old.writestr(name, content)

    loaded = load_model(tmp_path / "old.keras")

    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_a_good_file_opens_without_a_remark(model, tmp_path):
    path = save_model(model, tmp_path / "m.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_model(path)
    assert [weight.shape for weight in loaded.weights] == [weight.shape for weight in model.weights]
