"""A latency as a budget: where the search ends, what it goes by, and what it refuses."""

from pathlib import Path

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import BudgetError
from kerasprune.strategies import Iterative, compress
from kerasprune.tflite import latency_table
from tests.small_models import dense_model


@pytest.fixture
def by_size(monkeypatch, tmp_path):
    """Files that take as long as the models have parameters; counts the models that are timed."""
    exported = []

    def export(timing, model, path, seed=0):
        exported.append(model.count_params())
        Path(path).write_text(str(model.count_params()))
        return Path(path)

    monkeypatch.setattr(kp.Timing, "export", export)
    monkeypatch.setattr(kp.Timing, "times", lambda timing, paths: np.array([[float(p.read_text()) for p in paths]]))
    monkeypatch.setattr(latency_table, "fastest", lambda runner: 1.0)
    return exported


@pytest.fixture(scope="module")
def model():
    return dense_model(40, 32, 5, activation="relu")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 4)).astype("float32"), rng.integers(0, 5, 16)


@pytest.mark.parametrize("strategy", ["one_shot", Iterative(2), "lottery_ticket"])
def test_the_search_ends_within_five_percent(by_size, model, data, strategy):
    train = (lambda small, **span: None) if strategy == "lottery_ticket" else None
    result = compress(model, kp.Budget(latency=0.5), "magnitude", strategy, data, train=train, recover=())
    timed = result.report.latency
    assert timed.kept == result.model.count_params() / model.count_params() == pytest.approx(0.5, rel=0.05)
    assert (timed.before, timed.after) == (model.count_params(), result.model.count_params())
    assert len(by_size) < 14
    kp.verify(model, kp.trace(model), result.keep, result.model)


@pytest.mark.parametrize("latency", ["900 ms", 900, "0.9 s"])
def test_milliseconds(by_size, model, latency):
    result = compress(model, kp.Budget(latency=latency), "magnitude", "one_shot")
    assert result.report.latency.after == pytest.approx(900, rel=0.05)


def test_other_limits_hold_beside_it(by_size, model):
    graph = kp.trace(model)
    result = compress(model, kp.Budget(latency=0.9, channels=0.6), "magnitude", "one_shot")
    assert graph.channels(result.keep) <= 0.6 * graph.channels() and result.report.latency.kept < 0.9


def test_a_target_below_what_stays_names_what_takes_the_time(by_size, model):
    with pytest.raises(BudgetError, match="cannot be reached: the smallest model takes .* of the time.*'dense0' takes"):
        compress(model, kp.Budget(latency=0.001), "magnitude", "one_shot")


@pytest.mark.slow
def test_trials_go_by_the_table(by_size, model, data):
    model.compile(loss="sparse_categorical_crossentropy")
    compress(model, kp.Budget(latency=0.6), data=data)
    assert len(by_size) < 14


def test_what_cannot_be_timed_says_so(by_size, model):
    with pytest.raises(BudgetError, match="`compress`"):
        compress(model, kp.Budget(latency=0.5), strategy="serial")
    with pytest.raises(BudgetError, match="`compress`"):
        kp.gate(model, "gumbel", budget=kp.Budget(latency=0.5))


def test_a_latency_that_no_budget_limits_is_in_the_report(by_size, model):
    report = compress(model, kp.Budget(flops=0.5), "magnitude", "one_shot", latency=kp.Timing()).report
    assert report.latency.allowed is None and 0 < report.latency.kept < 1
    assert "latency: " in str(report)


@pytest.mark.backend
@pytest.mark.slow
def test_a_model_is_exported_and_timed_on_this_machine():
    layers = [keras.layers.Conv2D(64, 3, padding="same", activation="relu") for _ in range(2)]
    pool = keras.layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers, pool, keras.layers.Dense(3)])
    report = compress(model, kp.Budget(latency=0.6), "magnitude", "one_shot").report
    assert report.latency.kept == pytest.approx(0.6, rel=0.2)  # on a machine that does other things, too
    assert set(report.latency.layers) == {layer.name for layer in (*layers, model.layers[-1])} | {"all else"}
