"""What recipes have in their files, and what they cost beside each other."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasprune.core.errors import ExportError, OptionError
from kerasprune.recipes import Int4, Int8, Int16x8, SparseEncoding, WeightOnly
from kerasprune.tflite import export
from kerasprune.tflite.flatbuffer import parse
from tests.tflite.small_models import cnn, normal

pytestmark = pytest.mark.processor
X = normal(32, 64)


@pytest.fixture(scope="module")
def dense() -> keras.Model:
    """Three layers of 64 inputs, four fifths of whose weights are zero."""
    keras.utils.set_random_seed(0)
    stack = [
        layers.Dense(128, "relu", name="first"),
        layers.Dense(128, "relu", name="middle"),
        layers.Dense(8, name="last"),
    ]
    model = keras.Sequential([keras.Input((64,), name="x"), *stack])
    for layer in model.layers:
        kernel = ops.convert_to_numpy(layer.kernel)
        layer.kernel.assign(np.where(np.abs(kernel) > np.quantile(np.abs(kernel), 0.8), kernel, 0))
    return model


def _sizes(model, folder, *recipes) -> list[int]:
    return [export(model, folder / "m.tflite", recipe, X).size for recipe in recipes]


def test_weights_in_four_bits_are_half_of_eight(dense, tmp_path):
    pytest.importorskip("ai_edge_quantizer")
    eight, mixed, four = _sizes(dense, tmp_path, WeightOnly(), Int4(keep="first"), Int4())
    assert four < mixed < eight < 40_000 and four < 0.6 * eight


def test_a_recipe_whose_package_is_missing(dense, tmp_path, monkeypatch):
    monkeypatch.setattr(Int4, "package", "a_package_that_nobody_has")
    with pytest.raises(ExportError, match="'int4' needs a-package-that-nobody-has.*pip install"):
        export(dense, tmp_path / "m.tflite", "int4")


def test_zeros_are_left_out_and_what_that_saves_is_said(dense, tmp_path):
    result = export(dense, tmp_path / "m.tflite", "sparse", X)
    (sentence,) = result.remarks
    assert f"{result.size:,} bytes" in sentence and "times as fast on this machine" in sentence
    assert result.size < 0.5 * export(dense, tmp_path / "m.tflite").size


def test_a_model_without_zeros_is_as_large(tmp_path):
    sizes = [export(cnn(), tmp_path / "m.tflite", recipe).size for recipe in (SparseEncoding(), "float32")]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("recipe", [Int8, Int16x8])
def test_dense_kernels_by_channel_or_by_tensor(recipe, dense, tmp_path):
    scales = {}
    for each in ("per_channel", "per_tensor"):
        path = export(dense, tmp_path / "m.tflite", recipe(dense=each), X).path
        kernels = [
            t
            for t in parse(path.read_bytes()).subgraphs[0].tensors
            if t.shape is not None and list(t.shape) == [128, 64]
        ]
        scales[each] = len(kernels[0].quantization.scale)
    assert scales == {"per_channel": 128, "per_tensor": 1}


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (Int4, {"block": 16}),
        (Int4, {"keep": "("}),
        (WeightOnly, {"bits_of_weights": 3}),
        (Int8, {"io": "int16"}),
        (Int16x8, {"io": "int8"}),
        (Int8, {"dense": "per_row"}),
        (Int8, {"agreement": 1.5}),
    ],
)
def test_options_out_of_range(recipe, options):
    with pytest.raises(OptionError, match=f"{next(iter(options))}.*Received"):
        recipe(**options)
