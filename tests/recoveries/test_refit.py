"""Least squares that are weighted by what the outputs feel."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.evidence import Sampling
from kerasprune.evidence.directions import directions
from kerasprune.evidence.losses import BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError
from kerasprune.recoveries import RECOVERIES, Damage, Refit, refit
from tests.laws.random_models import randomize

pytestmark = [pytest.mark.backend, pytest.mark.processor]

RNG = np.random.default_rng


def classifier(last: str = "softmax") -> keras.Model:
    stack = [layers.Dense(10, "relu", name="first"), layers.Dense(8, "relu", name="second")]
    model = keras.Sequential([keras.Input((6,)), *stack, layers.Dropout(0.5), layers.Dense(4, last, name="classes")])
    randomize(model, RNG(0))
    return model


def damage(model: keras.Model, samples: int = 200, repaid: bool = False) -> Damage:
    """Four of ten and three of eight neurons go; least squares may repay what they can."""
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[:4]] = keep[graph.free_groups[1].ids[:3]] = False
    x = RNG(1).normal(size=(samples, *model.input_shape[1:])).astype("float32")
    cut = Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x, batch_size=64))
    return dataclasses.replace(cut, after=cut.after.changed(RECOVERIES["reconstruct"]()(cut)[0])) if repaid else cut


def divergence(cut: Damage, small: keras.Model) -> float:
    expected, found = (
        keras.ops.convert_to_numpy(model(cut.sampling.data, training=False)) for model in (cut.model, small)
    )
    return float(np.sum(expected * np.log(expected / found), axis=1).mean())


def test_it_lowers_the_divergence_that_least_squares_leave():
    cut = damage(classifier(), repaid=True)
    small, repairs = Refit(temperature=1.0)(cut)
    assert divergence(cut, small) < 0.8 * divergence(cut, cut.small)
    assert [repair.layer for repair in repairs] == ["second", "classes"]
    assert all(repair.after < repair.before for repair in repairs)
    assert [weight.shape for weight in small.weights] == [weight.shape for weight in cut.small.weights]


@pytest.mark.parametrize("use_bias", [True, False])
def test_for_linear_outputs_one_step_is_least_squares(use_bias):
    last = layers.Dense(3, use_bias=use_bias, name="last")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(9, "tanh", name="first"), last])
    randomize(model, RNG(0))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[:5]] = False
    x = RNG(1).normal(size=(100, 6)).astype("float32")
    cut = Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x))
    small, (repair,) = Refit(sweeps=1, damping=1e-9)(cut)
    hidden = keras.Model(small.inputs, small.get_layer("first").output).predict(x, verbose=0)
    design, target = np.column_stack([hidden, np.full(100, float(use_bias))]), model.predict(x, verbose=0)
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(small.predict(x, verbose=0), fitted, atol=1e-3)
    share = np.square(fitted - target).sum() / np.square(target - target.mean(axis=0)).sum()
    np.testing.assert_allclose(repair.after, share, rtol=1e-2)


def test_the_gauss_newton_matrix_is_that_of_all_weights_of_a_layer():
    cut = damage(classifier("linear"), samples=7)
    fit = refit._Fit(cut, 7, ["second", "classes"], 1.0)
    matrix, descent = fit._normal_equations("second")
    layer = cut.small.get_layer("second")
    target = cut.model.predict(cut.sampling.data, verbose=0)
    columns = []
    weights = layer.get_weights()
    for unit in range(layer.units):
        for number in range(layer.kernel.shape[0] + 1):
            moved = [weights[0].copy(), weights[1].copy()]
            moved[int(number == len(moved[0]))].reshape(-1, layer.units)[number % len(moved[0]), unit] += 1e-2
            outputs = []
            for value in (moved, weights):
                layer.set_weights(value)
                outputs.append(keras.ops.convert_to_numpy(cut.small(cut.sampling.data, training=False)))
            columns.append((outputs[0] - outputs[1]) / 1e-2)
    error = target - outputs[1]
    jacobian = np.stack(columns, axis=-1).reshape(-1, len(columns))  # (samples * outputs, weights)
    curvature = 2 / target.shape[1]  # of the mean squared error
    np.testing.assert_allclose(matrix, curvature * jacobian.T @ jacobian, rtol=2e-2, atol=2e-2)
    np.testing.assert_allclose(descent, curvature * jacobian.T @ error.reshape(-1), rtol=2e-2, atol=2e-2)


def test_a_step_that_raises_the_error_is_not_made(monkeypatch):
    found = refit._Fit._normal_equations

    def uphill(self, path):
        matrix, descent = found(self, path)
        return matrix, -descent

    monkeypatch.setattr(refit._Fit, "_normal_equations", uphill)
    cut = damage(classifier(), samples=50)
    small, repairs = Refit(sweeps=1)(cut)
    assert all(repair.after == repair.before > 0 for repair in repairs)
    for old, new in zip(cut.small.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_is_left_alone_is_said(monkeypatch):
    monkeypatch.setattr(refit, "MOST_WEIGHTS", 30)
    inputs = keras.Input((8, 3))
    x = layers.Conv1D(6, 3, activation="relu", name="conv")(inputs)
    x = layers.Dense(5, activation="relu", name="rows")(layers.Conv1D(4, 2, name="other")(x))
    x = layers.Dense(9, activation="relu", name="wide")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(2, name="last")(x))
    randomize(model, RNG(0))
    small, repairs = Refit(sweeps=1)(damage(model, samples=20))
    notes = {repair.layer: repair.note for repair in repairs if repair.after is None}
    assert notes["other"] == "there is no refit for Conv1D"
    assert notes["rows"] == "it has several rows per sample"
    assert notes["wide"].endswith("weights are more than 30")
    assert [repair.layer for repair in repairs if repair.after is not None] == ["last"]


def test_several_outputs_and_impossible_options_are_refused():
    inputs = keras.Input((6,))
    hidden = layers.Dense(10, "relu")(layers.Dense(8)(inputs))
    with pytest.raises(DataError, match="one output"):
        Refit()(damage(keras.Model(inputs, [layers.Dense(2)(hidden), layers.Dense(3)(hidden)])))
    with pytest.raises(ValueError, match="`temperature` must be above 0. Received: temperature=0"):
        Refit(temperature=0)


def test_outputs_that_are_no_numbers_are_refused():
    cut = damage(classifier(), samples=5)
    cut.small.set_weights([np.full_like(value, np.nan) for value in cut.small.get_weights()])
    with pytest.raises(DataError, match="holds NaN or infinity"):
        Refit()(cut)


def test_probabilities_are_known_by_their_sum():
    probabilities = RNG(0).dirichlet(np.ones(4), 9)
    assert isinstance(refit.loss_of_outputs(probabilities, 2.0), CategoricalCrossentropy)
    assert isinstance(refit.loss_of_outputs(probabilities * 0.9, 2.0), BinaryCrossentropy)
    assert isinstance(refit.loss_of_outputs(np.ones((9, 1)), 2.0), BinaryCrossentropy)
    assert isinstance(refit.loss_of_outputs(probabilities * 1.1 + 1, 2.0), MeanSquaredError)


def test_an_answer_without_doubt_has_a_finite_divergence():
    loss, sure = refit.loss_of_outputs(np.eye(3), 4.0), np.eye(3)
    assert np.isfinite(loss.values(sure[[1, 2, 0]], sure) - loss.values(sure, sure)).all()
    rows, (slope, _) = directions(loss, sure[[1, 2, 0]]), loss.derivatives(sure[[1, 2, 0]], sure)
    assert all(np.isfinite(part).all() for part in rows) and np.isfinite(slope.astype("float32")).all()


def test_the_metric_is_that_of_a_softmax_at_its_temperature():
    probabilities, wanted = RNG(0).dirichlet(np.ones(3), 2), RNG(1).dirichlet(np.ones(3), 2)
    loss = CategoricalCrossentropy(temperature=3.0)
    (rows,) = directions(loss, probabilities)
    in_logits = rows * probabilities
    flat, aim = (np.cbrt(rows) / np.cbrt(rows).sum(axis=1, keepdims=True) for rows in (probabilities, wanted))
    for sample in range(2):
        metric = np.diag(flat[sample]) - np.outer(flat[sample], flat[sample])
        np.testing.assert_allclose(in_logits[:, sample].T @ in_logits[:, sample], metric, atol=1e-6)
    slope = loss.derivatives(probabilities, wanted)[0] * probabilities
    np.testing.assert_allclose(slope, 3 * (flat - aim))
    moved = (np.exp(np.log(probabilities) + step * np.eye(3)[0]) for step in (1e-4, -1e-4))
    up, down = (loss.values(p, wanted) for p in moved)
    np.testing.assert_allclose(slope[:, 0], (up - down) / 2e-4, rtol=1e-5)


def test_no_constant_is_nearer_than_the_centre():
    wanted = RNG(1).dirichlet(np.ones(3), 5)
    for loss in (CategoricalCrossentropy(temperature=3.0), MeanSquaredError()):
        best = loss.values(np.tile(loss.centre(wanted), (5, 1)), wanted).mean()
        for other in RNG(2).dirichlet(np.ones(3), 20):
            assert best < loss.values(np.tile(other, (5, 1)), wanted).mean()
