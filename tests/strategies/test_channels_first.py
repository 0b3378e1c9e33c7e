"""Channels first where the backend cannot run it: everything works, and the result is what it is elsewhere."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.graph import runnable
from kerasprune.graph.channels_last import channels_last
from tests.laws.random_models import randomize

pytestmark = pytest.mark.processor

runnable_module = importlib.import_module("kerasprune.graph.runnable")
FIRST = {"data_format": "channels_first"}


def _classifier():
    """ResNet and MobileNetV2 in small: a residual, a depthwise convolution, batch norms, slopes."""
    x = keras.Input((3, 10, 20), name="image")
    h = layers.BatchNormalization(axis=1)(layers.Conv2D(6, 3, padding="same", use_bias=False, **FIRST)(x))
    h = layers.PReLU(shared_axes=[2, 3])(h)
    b = layers.DepthwiseConv2D(3, padding="same", use_bias=False, **FIRST)(layers.Conv2D(8, 1, **FIRST)(h))
    b = layers.Conv2D(6, 1, use_bias=False, **FIRST)(layers.ReLU(6.0)(layers.BatchNormalization(axis=1)(b)))
    h = layers.GlobalAveragePooling2D(**FIRST)(layers.MaxPooling2D(2, **FIRST)(layers.Add()([h, b])))
    return keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(h))


def _u_net():
    x = keras.Input((3, 8, 16), name="image")
    a = layers.Conv2D(6, 3, padding="same", activation="relu", use_bias=False, **FIRST)(x)
    b = layers.Conv2D(8, 3, padding="same", use_bias=False, **FIRST)(layers.MaxPooling2D(2, **FIRST)(a))
    b = layers.Conv2DTranspose(6, 2, strides=2, use_bias=False, **FIRST)(layers.ReLU()(b))
    h = layers.Conv2D(6, 3, padding="same", use_bias=False, **FIRST)(layers.Concatenate(axis=1)([a, b]))
    return keras.Model(x, layers.Conv2D(2, 1, activation="sigmoid", use_bias=False, name="mask", **FIRST)(h))


@pytest.fixture(params=[_classifier, _u_net])
def case(request):
    """A compiled model with random weights, and data for it."""
    model = request.param()
    rng = np.random.default_rng(0)
    randomize(model, rng)
    x = rng.standard_normal((32, *model.input_shape[1:])).astype("float32")
    if request.param is _classifier:
        model.compile(keras.optimizers.SGD(1e-2), "sparse_categorical_crossentropy")
        return model, x, rng.integers(0, 3, 32)
    model.compile(keras.optimizers.SGD(1e-2), "mse")
    return model, x, rng.random((32, *model.output_shape[1:])).astype("float32")


def _unable_to_run(monkeypatch):
    """From here on it is as on a processor that cannot run channels first, whichever this one is."""
    monkeypatch.setattr(runnable_module, "can_run", _has_no_channels_first)


def _has_no_channels_first(model) -> bool:
    return channels_last(model) is model


@pytest.fixture(params=["taylor", "oracle", "gauss_newton", "obs"])
def criterion(request):
    """Criteria that run the model in different ways."""
    return request.param


def test_scores_are_those_of_the_model(case, criterion, monkeypatch):
    model, x, y = case
    graph = kp.trace(model)
    own = kp.score(model, graph, criterion, data=(x, y))
    _unable_to_run(monkeypatch)
    found = kp.score(model, graph, criterion, data=(x, y))
    finite = np.isfinite(own)
    assert (finite == np.isfinite(found)).all()
    np.testing.assert_allclose(found[finite], own[finite], rtol=1e-2, atol=1e-4 * np.abs(own[finite]).max())


def test_compress_repairs_and_trains_alike(case, monkeypatch):
    model, x, y = case
    formats = []

    def train(network):
        formats.append({getattr(layer, "data_format", "channels_last") for layer in network.layers})
        network.compile(keras.optimizers.SGD(1e-2), model.loss)
        network.fit(x, y, epochs=1, shuffle=False, verbose=0)

    ways = {"criterion": "taylor", "data": (x, y), "recover": ("recalibrate", "bias"), "train": train}
    _unable_to_run(monkeypatch)
    result = kp.compress(model, kp.Budget(flops=0.6), **ways)
    monkeypatch.undo()
    assert formats == [{"channels_last"}]
    assert [layer.data_format for layer in result.model.layers if hasattr(layer, "data_format")] == [
        layer.data_format for layer in model.layers if hasattr(layer, "data_format")
    ]
    assert result.model.compiled
    own = kp.compress(model, kp.Budget(flops=0.6), **ways)
    assert (result.keep == own.keep).all()
    for one, other in zip(result.model.get_weights(), own.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    assert [str(repair.layer) for repair in result.report.steps[0].repairs] == [
        repair.layer for repair in own.report.steps[0].repairs
    ]


@pytest.mark.parametrize("way", ["gate", "sparsify"])
def test_what_is_trained_gives_the_users_layout_back(way, case, monkeypatch, tmp_path):
    model, x, y = case
    _unable_to_run(monkeypatch)
    if way == "gate":
        trained = kp.gate(model, "gumbel", budget=kp.Budget(flops=0.7))
    else:
        trained = kp.sparsify(model, sparsity=0.8, method="magnitude", steps=2)
    trained.compile(keras.optimizers.SGD(1e-2), model.loss)
    trained.fit(x, y, batch_size=16, epochs=1 if way == "sparsify" else 2, verbose=0)
    assert trained.input_shape == model.input_shape and trained.output_names == model.output_names
    trained.save(tmp_path / "trained.keras")
    loaded = kp.load_model(tmp_path / "trained.keras")
    small, again = (kp.slim(each if way == "gate" else kp.strip(each)) for each in (trained, loaded))
    assert {layer.data_format for layer in small.layers if hasattr(layer, "data_format")} == {"channels_first"}
    runs = runnable(small).runs
    np.testing.assert_allclose(runs.predict(x, verbose=0), trained.predict(x, verbose=0), atol=1e-5)
    for one, other in zip(small.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_result_with_channels_last_has_no_floor():
    x = keras.Input((3, 8, 8))
    h = layers.Conv2D(9, 3, **FIRST)(x)
    model = keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D(**FIRST)(h)))
    (held,) = (group.frozen for group in kp.trace(model).groups if "channels first" in (group.frozen or ""))
    assert 'layout="channels_last"' in held
    result = kp.compress(model, kp.Budget(params=0.2), layout="channels_last")
    assert result.model.input_shape == model.input_shape
    (conv,) = (layer for layer in result.model.layers if isinstance(layer, layers.Conv2D))
    assert conv.data_format == "channels_last" and conv.filters < 6


def test_an_unknown_layout_is_refused(case):
    with pytest.raises(ValueError, match="`layout` must be one of own, channels_last"):
        kp.compress(case[0], kp.Budget(flops=0.5), layout="channels_first")
