"""Training that `compress` does by itself: on the data, with the model as the teacher, as long as the effort says."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError, OptionError
from kerasprune.strategies import LotteryTicket
from kerasprune.strategies import training as module
from tests.strategies.tasks import fit, network, points

pytestmark = pytest.mark.backend

BUDGET = kp.Budget(params=0.3)


def compressed(model=None, data=None, **options):
    model = network() if model is None else model
    return kp.compress(model, BUDGET, "magnitude", "one_shot", points() if data is None else data, **options)


@pytest.fixture
def calls(monkeypatch):
    """What `finetune` is asked for."""
    seen = []

    def noted(network, data, epochs, **options):
        seen.append({"epochs": epochs, "taught": hasattr(network, "teachers"), **options})
        return kp.finetune(network, data, epochs, **options)

    monkeypatch.setattr(module, "finetune", noted)
    return seen


def test_it_trains_what_was_cut_and_brings_it_nearer_to_the_labels():
    model = network()
    fit(model)
    cut, trained = (compressed(model, train=train, recover=(), effort="thorough") for train in (None, "auto"))
    assert cut.model.count_params() == trained.model.count_params()
    before, after = (result.model.evaluate(*points(seed=1), verbose=0) for result in (cut, trained))
    assert after < before
    assert "Distill" in trained.report.settings["distill"]


@pytest.mark.parametrize(("effort", "epochs"), [("quick", 1), ("normal", 3)])
def test_the_effort_says_how_long_and_the_model_teaches(calls, effort, epochs):
    compressed(train="auto", effort=effort)
    compressed(train="auto", effort=effort, distill=False)
    assert [(call["epochs"], call["taught"]) for call in calls] == [(epochs, True), (epochs, False)]


@pytest.mark.parametrize(("samples", "share"), [(499, None), (500, 0.1)])
def test_a_tenth_of_many_samples_chooses_the_epoch(calls, samples, share):
    compressed(data=points(samples), train="auto", effort="quick")
    assert calls[0]["validation"] == share


@pytest.mark.parametrize("compiled", [True, False])
def test_without_labels_the_teacher_is_enough(compiled):
    model = network()
    if not compiled:
        model = keras.models.clone_model(model)
    result = compressed(model, points()[0], train="auto", effort="quick")
    assert np.isfinite(result.model.predict(points()[0], verbose=0)).all()


def test_batches_of_a_generator_are_held_for_the_training(calls):
    x, y = points()
    batches = ((x[i : i + 32], y[i : i + 32]) for i in range(0, 192, 32))
    result = compressed(data=batches, train="auto", effort="quick", limit=192)
    same = compressed(data=[(x[i : i + 32], y[i : i + 32]) for i in range(0, 192, 32)], train="auto", effort="quick")
    assert len(calls) == 2
    for found, expected in zip(result.model.get_weights(), same.model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_trained_says_so():
    with pytest.raises(OptionError, match="'auto' or None"):
        compressed(train="fit")
    with pytest.raises(DataError, match="needs data"):
        kp.compress(network(), BUDGET, train="auto")
    with pytest.raises(OptionError, match="start"):
        kp.compress(network(), BUDGET, strategy=LotteryTicket(steps=1, step=2), data=points(), train="auto")
