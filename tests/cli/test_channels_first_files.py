"""A model with channels first on the command line: compressed with training, measured, exported in either layout."""

import json

import keras
import numpy as np
import pytest
from keras import layers

pytestmark = pytest.mark.processor

FIRST = {"data_format": "channels_first"}


@pytest.fixture
def first(tmp_path):
    """A folder with model.keras, whose images have their channels first, and data.npz."""
    image = keras.Input((1, 6, 12), name="image")
    x = layers.Conv2D(8, 3, use_bias=False, **FIRST)(image)
    x = layers.GlobalAveragePooling2D(**FIRST)(layers.ReLU()(layers.BatchNormalization(axis=1)(x)))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(30, 1, 6, 12)).astype("float32"), y=np.arange(30) % 3)
    return tmp_path


@pytest.mark.parametrize(("layout", "expected"), [("own", "channels_first"), ("channels_last", "channels_last")])
def test_compress_trains_and_measures(run, first, layout, expected):
    small = first / "small.keras"
    answer = run(
        *("compress", first / "model.keras", "-o", small, "--channels", "0.7", "--data", first / "data.npz"),
        *("--criterion", "taylor", "--finetune-epochs", "1", "--layout", layout, "--json"),
    )
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["report"]["samples"] == 30
    (conv,) = (layer for layer in keras.models.load_model(small).layers if isinstance(layer, layers.Conv2D))
    assert conv.data_format == expected and conv.filters < 8


@pytest.mark.parametrize(("layout", "shape"), [("channels_last", [1, 6, 12, 1]), ("own", [1, 1, 6, 12])])
def test_export_says_what_the_file_takes(run, first, layout, shape):
    answer = run("export", first / "model.keras", "-o", first / "model.tflite", "--layout", layout, "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["layout"], told["inputs"]) == (layout, {"image": shape})
    shown = run("export", first / "model.keras", "-o", first / "model.tflite", "--layout", layout).stdout
    assert ("The file takes channels last" in shown) == (layout == "channels_last")
