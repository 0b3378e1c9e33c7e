"""Networks built and saved in earlier ways: channels first, half precision, nested models, files of Keras 2."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from tests.files.keras2_file import write_keras2_h5
from tests.laws.check_slim import assert_slims_right

pytestmark = pytest.mark.processor

FIRST = {"data_format": "channels_first"}
CHANNELS_FIRST = {
    "plain": lambda x: layers.Conv2D(6, 3, **FIRST)(x),
    "normalised": lambda x: layers.PReLU(shared_axes=[2, 3])(
        layers.BatchNormalization(axis=1)(layers.Conv2D(6, 3, **FIRST)(x))
    ),
    "depthwise": lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2, **FIRST)(layers.Conv2D(6, 3, **FIRST)(x)),
    "separable": lambda x: layers.SeparableConv2D(6, 3, **FIRST)(layers.Conv2D(4, 3, **FIRST)(x)),
    "grouped": lambda x: layers.Conv2D(8, 3, groups=2, **FIRST)(layers.Conv2D(4, 3, **FIRST)(x)),
    "transposed": lambda x: layers.Conv2DTranspose(5, 3, strides=2, **FIRST)(layers.Conv2D(4, 3, **FIRST)(x)),
    "pooled": lambda x: layers.UpSampling2D(2, **FIRST)(
        layers.MaxPooling2D(2, **FIRST)(layers.ZeroPadding2D(1, **FIRST)(layers.Conv2D(4, 3, **FIRST)(x)))
    ),
    "joined": lambda x: layers.Concatenate(axis=1)(
        [layers.Conv2D(4, 3, padding="same", **FIRST)(x), layers.Conv2D(3, 1, **FIRST)(x)]
    ),
    "residual": lambda x: layers.Add()(
        [layers.Conv2D(4, 3, padding="same", **FIRST)(x), layers.Conv2D(4, 1, **FIRST)(x)]
    ),
    "squeezed and excited": lambda x: layers.Multiply()(
        [
            layers.Conv2D(4, 3, **FIRST)(x),
            layers.Reshape((4, 1, 1))(layers.Dense(4)(layers.GlobalAveragePooling2D(**FIRST)(x))),
        ]
    ),
    "dropped": lambda x: layers.SpatialDropout2D(0.5, **FIRST)(layers.Conv2D(4, 3, **FIRST)(x)),
    "group normalised": lambda x: layers.GroupNormalization(3, axis=1)(layers.Conv2D(6, 3, **FIRST)(x)),
    "recurrent": lambda x: layers.ConvLSTM2D(4, 3, **FIRST)(
        layers.Reshape((2, 3, 8, 10))(layers.Conv2D(3, 1, **FIRST)(x))
    ),
}


@pytest.mark.parametrize("case", CHANNELS_FIRST)
def test_channels_first(case):
    x = keras.Input((3, 8, 20))  # wide enough for `test_a_bias_never_gets_as_long_as_the_last_axis`
    h = layers.ReLU()(CHANNELS_FIRST[case](x))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten(**FIRST)(layers.Conv2D(5, 1, **FIRST)(h))))
    assert assert_slims_right(model, np.random.default_rng(0)) > 0


@pytest.mark.parametrize(
    "layer", [layers.Conv2D(9, 3, **FIRST), layers.DepthwiseConv2D(3, depth_multiplier=3, **FIRST)]
)
def test_a_bias_never_gets_as_long_as_the_last_axis(layer):
    x = keras.Input((3, 8, 8))
    h = layer(layers.Conv2D(6, 1, use_bias=False, **FIRST)(x))  # 6 x 6 positions
    graph = kp.trace(keras.Model(x, layers.Dense(2)(layers.Flatten(**FIRST)(h))))
    held = [group for group in graph.groups if "along the last axis" in (group.frozen or "")]
    (labels,) = (weight.axes[0] for weight in graph.weights if weight.layer == layer.name and weight.index == 1)
    assert np.isin(labels, np.concatenate([group.ids for group in held])).sum() > 6


def _half():
    """A classifier in half precision around a network that was trained before."""
    half = keras.DTypePolicy("mixed_float16")
    base = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(6, 3, padding="same", use_bias=False, dtype=half),
            layers.BatchNormalization(dtype=half),
            layers.ReLU(dtype=half),
            layers.DepthwiseConv2D(3, dtype=half),
        ],
        name="base",
    )
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(5, 1, dtype=half)(base(x))
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D(dtype=half)(h)))


def _nested_twice():
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Conv2D(4, 3), layers.PReLU(shared_axes=[1, 2])], name="inner"
    )
    middle_input = keras.Input((6, 6, 4))
    middle = keras.Model(middle_input, layers.Conv2D(3, 1)(inner(middle_input)), name="middle")
    x = keras.Input((8, 8, 2))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(middle(layers.Conv2D(4, 3)(x)))))


def _channels_first():
    x = keras.Input((3, 8, 8))
    h = layers.BatchNormalization(axis=1)(layers.Conv2D(5, 3, use_bias=False, **FIRST)(x))
    h = layers.Add()([h, layers.Conv2D(5, 3, padding="same", use_bias=False, **FIRST)(layers.ReLU()(h))])
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling2D(**FIRST)(h)))


@pytest.mark.parametrize("make", [_half, _nested_twice, _channels_first])
@pytest.mark.parametrize("writer", ["keras 2", "keras 3"])
def test_h5_files_are_cut_like_any_model(make, writer, tmp_path):
    model = make()
    path = tmp_path / "old.h5"
    if writer == "keras 2":
        write_keras2_h5(model, path, {"DepthwiseConv2D": {"groups": 1}})
    else:
        model.save(path)
    loaded = kp.load_model(path)
    tolerance = 2e-2 if make is _half else 1e-5
    assert assert_slims_right(loaded, np.random.default_rng(0), tolerance) > 0.3
