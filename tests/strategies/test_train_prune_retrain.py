"""Thresholds of each layer: what they remove, where they come from, and what retraining gets."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import BudgetError, DataError, OptionError
from kerasprune.strategies import TrainPruneRetrain
from kerasprune.strategies.train_prune_retrain import POINTS
from tests.strategies.tasks import LOSS, fit, kernels, network, points

LAYERS = np.split(np.arange(246), [96, 216])


@pytest.fixture(scope="module")
def dense():
    model = network()
    fit(model, 12)
    return model


def run(dense, params=0.3, train=fit, criterion="magnitude", **options):
    """Prune the small network."""
    strategy = TrainPruneRetrain(**{"steps": 2, **options})
    return kp.compress(dense, kp.Budget(params=params), criterion, strategy, data=points(), train=train)


def test_a_threshold_is_a_quality_times_the_deviation_of_the_layer(dense):
    values = np.split(kernels(dense), [96, 216])
    expected = [int((np.abs(value) >= 0.6 * value.std()).sum()) for value in values]
    result = run(dense, (sum(expected) + 25) / 271, train=None, steps=1, quality=0.6)
    assert list(result.record.left[0]) == expected


def test_what_stays_goes_on_from_where_it_is_and_what_is_gone_stays_gone(dense):
    starts, ends = [kernels(dense)], []

    def train(model):
        starts.append(kernels(kp.strip(model)))
        fit(model)
        ends.append(kernels(kp.strip(model)))

    result = run(dense, train=train)
    first, second = starts[1], starts[2]
    np.testing.assert_array_equal(first[first != 0], starts[0][first != 0])
    np.testing.assert_array_equal(second[second != 0], ends[0][second != 0])
    assert not second[first == 0].any() and not ends[1][second == 0].any()
    assert [sum(left) for left in result.record.left] == [np.count_nonzero(first), np.count_nonzero(second)]
    assert result.report.steps[-1].weights.after + 25 <= 0.3 * 271
    assert result.report.difference < 1e-5


def test_the_scan_finds_thresholds_that_a_layer_can_bear(dense):
    found = run(dense, train=None, tolerance=0.05).record.qualities
    dense.compile("sgd", LOSS)
    data = points()
    whole = dense.evaluate(*data, verbose=0)

    def damage(place, quality):
        model = keras.models.clone_model(dense)
        weights = dense.get_weights()
        kernel = weights[place]
        weights[place] = np.where(np.abs(kernel) < quality * kernel.std(), 0, kernel)
        model.set_weights(weights)
        model.compile("sgd", LOSS)
        return model.evaluate(*data, verbose=0) - whole

    for place, quality in zip((0, 2, 4), found.values(), strict=True):
        kernel = dense.get_weights()[place]
        limit = 0.05 * damage(place, np.inf)
        tried = [
            np.sort(np.abs(kernel), axis=None)[-round(share * kernel.size)] / kernel.std() - 1e-6 for share in POINTS
        ]
        below = [one for one in tried if one <= quality]
        assert all(damage(place, one) <= limit + 1e-5 for one in below)
        assert damage(place, tried[len(below)]) > limit
    assert len(set(found.values())) > 1


def test_the_model_in_training_has_less_dropout_and_a_penalty():
    rates, penalties = [], []

    def train(model):
        (drop,) = (
            layer for layer in model.get_layer("sparse_weights").layer.layers if isinstance(layer, keras.layers.Dropout)
        )
        rates.append(drop.rate)
        model(points()[0][:4], training=True)
        penalties.append((float(sum(model.losses)), float((kernels(kp.strip(model)) ** 2).sum())))

    result = run(network(dropout=0.5), train=train, l2=0.01)
    assert len(rates) == len(result.record.left) == 2
    for rate, left, (penalty, squares) in zip(rates, result.record.left, penalties, strict=True):
        assert rate == pytest.approx(0.5 * np.sqrt(left[1] / 120))
        assert penalty == pytest.approx(0.01 * squares, rel=1e-5)


def test_dead_neurons_are_gone(dense):
    result = run(dense, params=0.15)
    widths = [layer.units for layer in result.model.layers if isinstance(layer, keras.layers.Dense)]
    assert sum(widths) < 25 and result.report.channels.after < result.report.channels.before
    assert result.model.count_params() == kp.trace(dense).params(result.keep)


@pytest.mark.slow
def test_a_third_of_the_weights_is_enough(dense):
    x, y = points(600, 5)
    right = [
        (model.predict(x, verbose=0).argmax(axis=1) == y).mean() for model in (dense, run(dense, 0.4, steps=3).model)
    ]
    assert right[0] > 0.9 and right[1] > right[0] - 0.02


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"quality": 0.01}, BudgetError, "After 2 rounds .* Raise it"),
        ({"quality": 0}, OptionError, "`quality` must be above 0"),
        ({"quality": {"dense0": 1.0}}, OptionError, "matches dense1, dense2"),
        ({"tolerance": 0}, OptionError, "`tolerance` must be above 0"),
        ({"l2": -1}, OptionError, "`l2` at least 0"),
        ({"steps": 0}, OptionError, "`steps` must"),
        ({"schedule": "cubc"}, OptionError, "Did you mean 'cubic'"),
        ({"criterion": "random"}, OptionError, "ranks all weights by magnitude"),
        ({"params": 20}, OptionError, "25 weights of .* have no gates"),
    ],
)
def test_bad_arguments_are_one_clear_error(dense, options, error, message):
    with pytest.raises(error, match=message):
        run(dense, train=None, **options)


def test_the_scan_needs_labels(dense):
    with pytest.raises(DataError, match="labels"):
        kp.compress(dense, kp.Budget(params=0.5), strategy="train_prune_retrain", data=points()[0])
