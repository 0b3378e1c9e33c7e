"""`linear`, `gauss_newton` and `oracle` say what the loss does when a channel reads zero."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import score
from tests.backends import numbers
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

SPARSE = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def model():
    return conv_model()


@pytest.fixture(scope="module")
def graph(model):
    return kp.trace(model)


def naive(model, graph, x, losses):
    """The change of the mean loss by a masked model for every free channel."""
    full = losses(model(x, training=False))
    change = np.full(graph.num_ids, np.inf)
    for channel in np.flatnonzero(~graph.frozen):
        keep = graph.keep_all()
        keep[channel] = False
        change[channel] = losses(kp.masked(model, graph, keep)(x, training=False)) - full
    return change


def linear_net(activation=None):
    """One hidden linear layer, so that the outputs (or logits) are linear in every channel; and data for it."""
    rng = np.random.default_rng(3)
    hidden = dense_model(5, 3, inputs=4)
    model = keras.Sequential([keras.Input((4,)), *hidden.layers, keras.layers.Activation(activation or "linear")])
    return model, rng.normal(size=(7, 4)).astype("float32"), rng.normal(size=(7, 3)).astype("float32")


def test_the_oracle_is_the_loss_of_every_masked_model(model, graph):
    x, y = images()

    def losses(outputs):
        return float(keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, outputs)))

    found = score(model, graph, "oracle", (x, y), loss=SPARSE, batch_size=4)
    np.testing.assert_allclose(found, naive(model, graph, x, losses), atol=1e-5)
    assert (found < 0).any()


def test_the_oracle_reads_a_generator_once(model, graph):
    x, y = images()
    parts = ((x[start : start + 5], y[start : start + 5]) for start in (0, 5))
    expected = score(model, graph, "oracle", (x[:8], y[:8]), loss=SPARSE)
    np.testing.assert_allclose(score(model, graph, "oracle", parts, loss=SPARSE, limit=8), expected, atol=1e-5)


def test_gauss_newton_is_exact_for_squared_error_on_linear_outputs():
    model, x, y = linear_net()
    graph = kp.trace(model)
    exact = score(model, graph, "oracle", (x, y), loss="mse")
    np.testing.assert_allclose(score(model, graph, "gauss_newton", (x, y), loss="mse", batch_size=3), exact, atol=1e-5)


def test_linear_is_what_gauss_newton_lacks_the_curvature_of():
    model, x, y = linear_net()
    graph = kp.trace(model)
    hidden = numbers(model.layers[0](x))  # (samples, 5)
    kernel = numbers(model.layers[1].kernel)  # (5, 3)
    slope = 2 / 3 * (numbers(model(x)) - y) @ kernel.T  # of the mean over three outputs
    ids = graph.free_groups[0].ids
    found = score(model, graph, "linear", (x, y), loss="mse", batch_size=3)[ids]
    np.testing.assert_allclose(found, -(hidden * slope).mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("logits", [False, True])
def test_gauss_newton_uses_the_softmax_metric(logits):
    model, x, _ = linear_net(None if logits else "softmax")
    y = np.arange(len(x)) % 3
    graph = kp.trace(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    outputs = keras.ops.softmax(model(x)) if logits else model(x)
    p = numbers(outputs)
    hidden, kernel = numbers(model.layers[0](x)), numbers(model.layers[1].kernel)
    metric = np.einsum("nc,cd->ncd", p, np.eye(3)) - np.einsum("nc,nd->ncd", p, p)
    curvature = np.einsum("nk,kc,ncd,kd->k", hidden**2, kernel, metric, kernel) / len(x)
    slope = (p - np.eye(3)[y]) @ kernel.T
    ids = graph.free_groups[0].ids
    found = score(model, graph, "gauss_newton", (x, y), loss=loss, batch_size=3)[ids]
    np.testing.assert_allclose(found, -(hidden * slope).mean(axis=0) + curvature / 2, atol=1e-5)


def test_sample_weights_weigh_the_curvature():
    model, x, y = linear_net()
    graph = kp.trace(model)
    twice = score(model, graph, "gauss_newton", (x, y, np.full(7, 2.0)), loss="mse")
    np.testing.assert_allclose(twice, 2 * score(model, graph, "gauss_newton", (x, y), loss="mse"), rtol=1e-4)


@pytest.mark.parametrize("loss", ["poisson", keras.losses.CategoricalCrossentropy(axis=1)])
def test_gauss_newton_refuses_a_loss_of_unknown_curvature(loss):
    model, x, y = linear_net()
    with pytest.raises(DataError, match="knows the curvature of .*mean_squared_error"):
        score(model, kp.trace(model), "gauss_newton", (x, y), loss=loss)


def test_gauss_newton_refuses_several_outputs():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3)(inputs)
    model = keras.Model(inputs, [keras.layers.Dense(2)(hidden), keras.layers.Dense(1)(hidden)])
    with pytest.raises(DataError, match=r"one output of a fixed shape.*\(None, 2\), \(None, 1\)"):
        score(model, kp.trace(model), "gauss_newton", np.zeros((2, 4)), loss=["mse", "mse"])


@pytest.mark.parametrize("name", ["linear", "gauss_newton", "oracle"])
def test_labels_and_a_loss_are_asked_for(name, model, graph):
    x, y = images()
    with pytest.raises(DataError, match="needs labels"):
        score(model, graph, name, x, loss=SPARSE)
    with pytest.raises(DataError, match="needs a loss"):
        score(model, graph, name, x)
    with pytest.warns(match="outputs and labels say 'sparse_categorical_crossentropy' for 'classes'"):
        found = score(model, graph, name, (x, y))
    np.testing.assert_allclose(found, score(model, graph, name, (x, y), loss=SPARSE))
