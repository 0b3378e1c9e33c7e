"""Where an exported file has the channels of its images."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.tflite import run_tflite
from tests.laws.random_models import randomize

pytestmark = pytest.mark.processor

FIRST = {"data_format": "channels_first"}


def _model():
    x, scale = keras.Input((3, 8, 12), name="image"), keras.Input((4,), name="scale")
    h = layers.Conv2D(4, 3, padding="same", use_bias=False, **FIRST)(x)
    h = layers.Multiply()([h, layers.Reshape((4, 1, 1))(scale)])
    model = keras.Model([x, scale], layers.Conv2D(2, 1, use_bias=False, name="mask", **FIRST)(h))
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_the_file_takes_channels_last_and_says_so(recipe, tmp_path):
    rng = np.random.default_rng(0)
    x = {"image": rng.random((16, 3, 8, 12), "float32"), "scale": rng.random((16, 4), "float32")}
    model = _model()
    last = kp.export(model, tmp_path / "last.tflite", recipe, x)
    own = kp.export(model, tmp_path / "own.tflite", recipe, x, layout="own")
    assert (last.layout, last.inputs) == ("channels_last", {"image": (1, 8, 12, 3), "scale": (1, 4)})
    assert (own.layout, own.inputs) == ("own", {"image": (1, 3, 8, 12), "scale": (1, 4)})
    assert "TRANSPOSE" not in last.ops and "TRANSPOSE" in own.ops
    found = run_tflite(last.path, {**x, "image": x["image"].transpose(0, 2, 3, 1)})["mask"]
    assert found.shape == (16, 8, 12, 2)
    np.testing.assert_allclose(found.transpose(0, 3, 1, 2), run_tflite(own.path, x)["mask"], atol=1e-5)


def test_a_compressed_twin_is_written_without_its_transposes(tmp_path):
    result = kp.compress(_model(), kp.Budget(channels=1.0), layout="channels_last")
    exported = kp.export(result.model, tmp_path / "small.tflite")
    assert exported.layout == "channels_last" and "TRANSPOSE" not in exported.ops


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(kp.ExportError, match="`layout` must be one of channels_last, own"):
        kp.export(_model(), tmp_path / "model.tflite", layout="channels_first")
    assert not list(tmp_path.iterdir())
