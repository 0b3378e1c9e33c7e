"""One forward pass and many ways back: the parts that `gauss_newton` is made of."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.criteria import GaussNewton, score
from kerasprune.evidence import Evidence, Sampling, pullback
from kerasprune.evidence.directions import directions
from kerasprune.evidence.losses import LOSSES
from tests.laws.random_models import randomize

pytestmark = pytest.mark.processor

layers = keras.layers


def convolutional(activation=None) -> keras.Model:
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(5, 3, activation="relu", name="first")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, name="second")(x)))
    model = keras.Model(inputs, layers.Dense(3, activation, name="classes")(layers.Flatten()(x)))
    randomize(model, np.random.default_rng(0))
    return model


def images(count: int = 7):
    rng = np.random.default_rng(1)
    return rng.normal(size=(count, 6, 6, 2)).astype("float32"), rng.integers(0, 3, count)


def metric(p: np.ndarray) -> np.ndarray:
    """diag(p) - pp' of every sample."""
    return np.einsum("nc,cd->ncd", p, np.eye(p.shape[1])) - np.einsum("nc,nd->ncd", p, p)


@pytest.mark.parametrize("logits", [False, True])
def test_the_directions_make_up_the_metric_of_a_softmax(logits):
    z = 3 * np.random.default_rng(0).normal(size=(5, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    (rows,) = directions(LOSSES["categorical_crossentropy"]({"from_logits": logits}), z if logits else p)
    assert rows.shape == (3, 5, 4)  # one less than there are classes
    change = metric(p) if not logits else np.broadcast_to(np.eye(4), (5, 4, 4))  # of the outputs, for one of the logits
    rows = np.einsum("knc,ncd->knd", rows, change)
    np.testing.assert_allclose(np.einsum("knc,knd->ncd", rows, rows), metric(p), atol=1e-5)


def test_every_position_counts_as_its_share():
    outputs = np.zeros((2, 5, 3))
    rows = np.concatenate(list(directions(LOSSES["mean_squared_error"](), outputs)))
    assert rows.shape == (15, 2, 5, 3)
    np.testing.assert_allclose(np.square(rows).sum(axis=0), 2 / 3 / 5, rtol=1e-6)


def test_a_certain_softmax_gives_finite_directions():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    (rows,) = directions(LOSSES["sparse_categorical_crossentropy"](), p)
    assert np.isfinite(rows).all()


def test_rows_may_come_first():
    outputs, first = np.zeros((2, 3)), np.full((2, 3), 5.0)
    (rows,) = directions(LOSSES["mean_squared_error"](), outputs, first=[first])
    np.testing.assert_array_equal(rows[0], first)
    assert rows.shape == (4, 2, 3)


@pytest.mark.parametrize("logits", [False, True])
def test_the_scores_do_not_depend_on_the_way(monkeypatch, logits):
    model = convolutional(None if logits else "softmax")
    graph = kp.trace(model)
    x, y = images()
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.3, from_logits=logits)
    data = (x, np.eye(3)[y].astype("float32"), np.linspace(0, 2, len(x)))
    found = score(model, graph, "gauss_newton", data, loss=loss, batch_size=4)
    linear = score(model, graph, "linear", data, loss=loss, batch_size=4)
    monkeypatch.setattr(pullback.PULLBACKS, "_entries", {})
    expected = score(model, graph, "gauss_newton", data, loss=loss, batch_size=4)
    free = ~graph.frozen
    np.testing.assert_allclose(found[free], expected[free], atol=1e-5)
    assert (found[free] >= linear[free] - 1e-6).all()  # what the curvature adds is not negative


@pytest.mark.parametrize("loss", [keras.losses.Huber(delta=2.0), keras.losses.MeanSquaredError()])
def test_in_front_of_a_linear_head_it_is_the_exact_change_of_a_parabola(loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5, "tanh", name="hidden"), layers.Dense(3)])
    randomize(model, np.random.default_rng(0))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel / np.abs(kernel).max(), bias])  # one channel is not 2 in any output
    graph = kp.trace(model)
    x = np.random.default_rng(1).normal(size=(9, 4)).astype("float32")
    y = model.predict(x, verbose=0) + np.random.default_rng(2).uniform(-1, 1, (9, 3))
    found, exact = (score(model, graph, name, (x, y), loss=loss) for name in ("gauss_newton", "oracle"))
    np.testing.assert_allclose(found[~graph.frozen], exact[~graph.frozen], rtol=1e-3, atol=1e-6)
    far = score(model, graph, "gauss_newton", (x, y + 9), loss=loss)[~graph.frozen]
    slopes = score(model, graph, "linear", (x, y + 9), loss=loss)[~graph.frozen]
    bent = far - slopes > 1e-3  # a straight line far from the label
    assert not bent.any() if isinstance(loss, keras.losses.Huber) else bent.all()


@pytest.mark.parametrize("logits", [False, True])
def test_a_binary_cross_entropy_has_the_curvature_of_a_sigmoid(logits):
    z = np.random.default_rng(0).normal(size=(5, 3))
    p = 1 / (1 + np.exp(-z))
    (rows,) = directions(LOSSES["binary_crossentropy"]({"from_logits": logits}), z if logits else p)
    in_logits = rows if logits else rows * p * (1 - p)
    expected = np.einsum("nc,cd->ncd", p * (1 - p) / 3, np.eye(3))
    np.testing.assert_allclose(np.einsum("knc,knd->ncd", in_logits, in_logits), expected, atol=1e-6)


def test_a_gain_of_zero_is_the_slimmed_model():
    model = convolutional()
    graph = kp.trace(model)
    x, y = images()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    gain = np.ones(graph.num_ids)
    ids = next(group.ids for group in graph.groups if group.name == "first")
    gain[ids[:2]] = 0.0
    small = kp.slim(model, graph, gain > 0)
    expected = score(small, kp.trace(small), "gauss_newton", (x, y), loss=loss)
    found = GaussNewton().under_gain(Evidence(model, graph, Sampling((x, y), loss)))(gain)
    left = ~graph.frozen & (gain > 0)
    np.testing.assert_allclose(np.sort(found[left]), np.sort(expected[np.isfinite(expected)]), rtol=1e-3, atol=1e-5)


def test_the_limit_holds_under_a_gain():
    model = convolutional()
    graph = kp.trace(model)
    x, y = images()
    options = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "batch_size": 4}
    some = GaussNewton().under_gain(Evidence(model, graph, Sampling((x, y), limit=5, **options)))(
        np.ones(graph.num_ids)
    )
    few = GaussNewton().under_gain(Evidence(model, graph, Sampling((x[:5], y[:5]), **options)))(np.ones(graph.num_ids))
    np.testing.assert_allclose(some, few, rtol=1e-5)
