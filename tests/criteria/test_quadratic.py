"""Second derivatives that are propagated back."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import Evidence, Probe, Quadratic, score
from kerasprune.criteria.quadratic import DERIVATIVES
from tests.laws.random_models import randomize
from tests.small_models import conv_model, images


def chain(activation, head=None, widths=(6, 5)):
    hidden = [layers.Dense(width, activation, name=f"hidden{n}") for n, width in enumerate(widths)]
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3, head, name="out")])
    randomize(model, np.random.default_rng(0))
    return model


def data(samples=12):
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, 4)).astype("float32"), rng.integers(0, 3, samples)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_derivatives_are_those_of_the_activation(name):
    x = np.random.default_rng(0).normal(size=200)
    x = x[np.abs(x) > 1e-2]  # a corner has none
    function, step = keras.activations.get(name), 2e-3
    low, middle, high = (np.asarray(function(keras.ops.convert_to_tensor(x + d, "float32"))) for d in (-step, 0, step))
    slope, bend = DERIVATIVES[name](x)
    np.testing.assert_allclose(slope, (high - low) / (2 * step), atol=2e-3)
    below, above = (DERIVATIVES[name](x + d)[0] for d in (-1e-4, 1e-4))
    np.testing.assert_allclose(bend, (above - below) / 2e-4, atol=1e-3)
    assert middle.shape == slope.shape == bend.shape


@pytest.mark.parametrize(("head", "loss"), [("sigmoid", "mse"), ("softmax", "sparse_categorical_crossentropy")])
def test_in_the_last_hidden_layer_it_is_the_exact_taylor_term(head, loss):
    """For one hidden layer, up to the cross terms of a softmax, which `mse` does not have."""
    model = chain("tanh", head, widths=(6,))
    graph = kp.trace(model)
    x, classes = data()
    y = np.eye(3, dtype="float32")[classes] if loss == "mse" else classes
    found = score(model, graph, "quadratic", (x, y), loss=loss)
    probe = Probe(model, graph, loss=loss, batch_size=12)
    ids = graph.groups[0].ids
    for channel in ids[:3]:
        gain = np.ones(graph.num_ids)
        values = []
        for step in (-0.05, 0.0, 0.05):
            gain[channel] = 1 + step
            values.append(probe.mean_loss((x, y), gain))
        first, second = (values[2] - values[0]) / 0.1, (values[2] - 2 * values[1] + values[0]) / 0.0025
        exact = -first + second / 2
        if loss == "mse":
            assert found[channel] == pytest.approx(exact, rel=2e-2, abs=1e-4)
        else:
            assert abs(found[channel] - exact) < abs(second) + 1e-3


def test_what_is_gone_counts_as_gone():
    model = chain("tanh", "softmax")
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[:3]] = False
    evidence = Evidence(model, graph, data(), "sparse_categorical_crossentropy", 12)
    under_gain = Quadratic().under_gain(evidence)(keep.astype(float))
    small = kp.slim(model, graph, keep)
    alone = score(small, kp.trace(small), "quadratic", data(), loss="sparse_categorical_crossentropy")
    free = ~graph.frozen & keep
    np.testing.assert_allclose(under_gain[free], alone[np.isfinite(alone)], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (conv_model, "mse", "`first` is a Conv2D.*gauss_newton"),
        (lambda: chain("gelu"), "mse", "Received: 'gelu'"),
        (lambda: chain("tanh"), "sparse_categorical_crossentropy", "needs a softmax at the end"),
        (lambda: chain("tanh"), "mae", "knows the curvature of .*mean_squared_error"),
    ],
)
def test_what_it_does_not_know_is_named(model, loss, message):
    model = model()
    x, y = images() if model.input_shape[1:] != (4,) else data()
    with pytest.raises(DataError, match=message):
        score(model, kp.trace(model), "quadratic", (x, y), loss=loss)


def test_labels_are_needed():
    model = chain("tanh")
    with pytest.raises(DataError, match="needs labels"):
        score(model, kp.trace(model), "quadratic", data()[0], loss="mse")


def test_weights_that_are_not_finite_are_refused():
    model = chain("tanh")
    model.get_layer("out").set_weights([np.full((5, 3), np.nan), np.zeros(3)])
    x, classes = data()
    with pytest.raises(DataError, match="NaN"):
        score(model, kp.trace(model), "quadratic", (x, np.eye(3)[classes]), loss="mse")
