"""One forward pass and many ways back: the parts that `gauss_newton` is made of."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.criteria import GaussNewton, gauss_newton, score
from kerasprune.evidence import Evidence, Sampling, pullback
from kerasprune.evidence.directions import DIRECTIONS, combination, directions
from kerasprune.evidence.gains import GainModel
from tests.laws.random_models import randomize

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
    (rows,) = directions("categorical_crossentropy", {"from_logits": logits}, z if logits else p)
    assert rows.shape == (3, 5, 4)  # one less than there are classes
    change = metric(p) if not logits else np.broadcast_to(np.eye(4), (5, 4, 4))  # of the outputs, for one of the logits
    rows = np.einsum("knc,ncd->knd", rows, change)
    np.testing.assert_allclose(np.einsum("knc,knd->ncd", rows, rows), metric(p), atol=1e-5)


def test_every_position_counts_as_its_share():
    outputs = np.zeros((2, 5, 3))
    rows = np.concatenate(list(directions("mean_squared_error", {}, outputs)))
    assert rows.shape == (15, 2, 5, 3)
    np.testing.assert_allclose(np.square(rows).sum(axis=0), 2 / 3 / 5, rtol=1e-6)


def test_a_certain_softmax_gives_finite_directions():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    (rows,) = directions("sparse_categorical_crossentropy", {}, p)
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_slope_is_put_together_from_the_directions(name):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    slope = p - np.eye(4)[rng.integers(0, 4, 5)]
    slope[2] = 0.0  # a sample without weight
    (rows,) = directions(name, {"from_logits": True}, z)
    rows[:, 2] = 0.0
    np.testing.assert_allclose(np.einsum("kn,knc->nc", combination(rows, slope), rows), slope, atol=1e-5)


def test_a_slope_out_of_reach_is_not_put_together():
    (rows,) = directions("categorical_crossentropy", {"from_logits": True}, np.zeros((2, 3)))
    assert combination(rows, np.ones((2, 3))) is None  # logits that all rise by the same change no probability


def test_every_backend_pulls_back_as_training_steps_do():
    model = convolutional()
    graph = kp.trace(model)
    x, _ = images()
    rows = np.random.default_rng(2).normal(size=(3, len(x), 3)).astype("float32")
    outputs, pull = pullback.pullback(GainModel(model, graph, len(x)))(x)
    expected, slowly = pullback.by_training_steps(GainModel(model, graph, len(x)))(x)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(pull(rows), slowly(rows), atol=1e-5)
    np.testing.assert_allclose(pull(2 * rows[:1]), 2 * slowly(rows[:1]), atol=1e-5)  # of another number of rows


@pytest.mark.parametrize(
    ("where", "what", "instead"),
    [(pullback.PULLBACKS, "_entries", {}), (gauss_newton, "combination", lambda rows, slope: None)],
)
def test_the_scores_do_not_depend_on_the_way(monkeypatch, where, what, instead):
    model = convolutional("softmax")
    graph = kp.trace(model)
    x, y = images()
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    data = (x, np.eye(3)[y].astype("float32"))
    found = score(model, graph, "gauss_newton", data, loss=loss, batch_size=4)
    linear = score(model, graph, "linear", data, loss=loss, batch_size=4)
    monkeypatch.setattr(where, what, instead)
    expected = score(model, graph, "gauss_newton", data, loss=loss, batch_size=4)
    free = ~graph.frozen
    np.testing.assert_allclose(found[free], expected[free], atol=1e-5)
    assert (found[free] >= linear[free] - 1e-6).all()  # what the curvature adds is not negative


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
