"""One architecture of every family of keras.applications is halved and verified; the benchmark does all forty."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from benchmarks.networks import APPLICATIONS, transfer
from benchmarks.weights import randomize
from tests.backends import not_on_torch

FAMILIES = (
    "ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 "
    "MobileNetV3Large NASNetMobile ResNet50 ResNet50V2 VGG16 Xception"
).split()


def assert_halves(model):
    """Half of the multiply-accumulates go, the result is verified, and an untouched copy is the same model."""
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    assert not graph.declined
    keep = kp.select(graph, kp.score(model, graph), kp.Budget(flops=0.5))
    small = kp.slim(model, graph, keep)
    assert kp.verify(model, graph, keep, small) < 1e-4
    assert small.count_params() == graph.params(keep)
    return graph


def test_mobilenet_at_an_odd_size():
    graph = assert_halves(keras.applications.MobileNet((33, 35, 3), alpha=0.25, weights=None, classes=7))
    assert [group.name for group in graph.groups if group.frozen] == ["conv_preds"]


@pytest.mark.slow
@pytest.mark.parametrize("name", not_on_torch(FAMILIES, {"NASNetMobile": "Keras has no NASNet for torch"}))
def test_a_nested_base_at_an_odd_size_under_a_new_head(name):
    floatx = keras.config.floatx()
    if name == "ConvNeXtTiny":  # with random weights it multiplies the rounding of float32 by 10^5 and more
        keras.config.set_floatx("float64")
    try:
        keras.utils.set_random_seed(0)
        assert_halves(transfer(name))
    finally:
        keras.config.set_floatx(floatx)


def test_the_families_are_those_of_the_forty():
    assert len(APPLICATIONS) == 40
    assert set(FAMILIES) <= set(APPLICATIONS)


@pytest.mark.slow
def test_blocks_of_convnext_lose_their_inner_width_and_that_of_the_normalized_stream_between_them():
    graph = kp.trace(keras.applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=(64, 64, 3)))
    assert all(group.frozen is None for group in graph.groups if "pointwise_conv_1" in group.name)
    streams = [group for group in graph.groups if any("pointwise_conv_2" in maker for maker in group.makers)]
    assert streams and all(group.frozen is None for group in streams[:-1])
