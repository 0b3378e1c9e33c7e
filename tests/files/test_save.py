"""Writing model files whole or not at all."""

import keras
import pytest
from keras import layers

from kerasprune.core.errors import FolderError, ModelFileError, OptionError
from kerasprune.files import save_model

pytestmark = pytest.mark.backend


class Unserializable(layers.Layer):
    def call(self, inputs):
        return inputs

    def get_config(self):
        raise TypeError("no config for this one")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "m.keras"
    path.write_text("old")
    inputs = layers.Input((4,))
    with pytest.raises(ModelFileError, match="no config for this one"):
        save_model(keras.Model(inputs, Unserializable()(inputs)), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_suffix_is_checked(tmp_path):
    with pytest.raises(ModelFileError, match=r"'.keras' or '.h5'.*m.pkl"):
        save_model(keras.Sequential([layers.Input((4,))]), tmp_path / "m.pkl")


def test_what_is_no_model_is_told_so(tmp_path):
    with pytest.raises(OptionError, match="must be a keras.Model. Received: NoneType"):
        save_model(None, tmp_path / "m.keras")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FolderError, match="nowhere"):
        save_model(keras.Sequential([layers.Input((4,)), layers.Dense(2)]), tmp_path / "nowhere" / "m.keras")
