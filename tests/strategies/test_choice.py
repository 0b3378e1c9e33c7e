"""What `compress` decides by itself."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import Batch
from kerasprune.evidence import Sampling
from kerasprune.strategies.choice import EFFORTS, MOST
from kerasprune.strategies.comparison import some
from tests.small_models import conv_model, images


@pytest.fixture
def case():
    """A compiled classifier, and data for it."""
    model = conv_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model, images(24)


def test_without_data_weights_decide_and_the_report_says_what_data_would_bring(case):
    result = kp.compress(case[0], kp.Budget(flops=0.6))
    assert result.choice.way == kp.strategies.Way("magnitude", "global", "one_shot") and not result.choice.tried
    assert "with data=(x, y)" in str(result.report) and not result.report.steps[0].repairs


def test_the_way_that_does_best_on_held_out_samples_is_taken_and_repaired(case):
    model, data = case
    result = kp.compress(model, kp.Budget(flops=0.6), data=data)
    tried = result.choice.tried
    assert {name.split()[0] for name in tried} == {"magnitude", "taylor", "gauss_newton"}
    assert tried[str(result.choice.way)] == min(tried.values())
    assert result.report.settings["criterion"] == result.choice.way.criterion
    assert result.report.steps[0].repairs and result.report.settings["recover"] == "reconstruct"
    assert f"chosen: {result.choice.way}: the lowest loss on 6 samples" in str(result.report)
    again = kp.compress(model, kp.Budget(flops=0.6), data=data)
    assert again.choice == result.choice and (again.keep == result.keep).all()


def test_large_weights_that_the_data_never_uses_do_not_win():
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(2, activation="softmax")(layers.Dense(8, "relu", name="hidden")(x)))
    hidden, out = model.layers[1:]
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(6, 8)).astype("float32")
    kernel[:5, 4:], kernel[5] = 0, 0
    kernel[5, 4:] = 100  # what the last four read is zero in all data
    hidden.kernel.assign(kernel)
    out.kernel.assign(rng.normal(size=(8, 2)) * 3)
    data = rng.normal(size=(64, 6)).astype("float32") * [1, 1, 1, 1, 1, 0]
    labels = model.predict(data, verbose=0).argmax(axis=1)
    result = kp.compress(model, kp.Budget(flops=0.5), data=(data, labels), loss="sparse_categorical_crossentropy")
    assert result.choice.way.criterion != "magnitude"
    ids = [g.ids for g in kp.trace(model).free_groups if g.name == "hidden"][0]
    assert result.keep[ids].tolist() == [True] * 4 + [False] * 4


def test_without_labels_the_outputs_are_compared(case):
    result = kp.compress(case[0], kp.Budget(flops=0.6), data=case[1][0])
    assert "difference of the outputs" in result.choice.reason
    assert {name.split()[0] for name in result.choice.tried} == {"magnitude", "reconstruction"}
    assert all(0 < value < np.inf for value in result.choice.tried.values())


def test_what_is_given_is_not_tried(case):
    model, data = case
    result = kp.compress(model, kp.Budget(flops=0.6), "taylor", data=data, recover=())
    assert result.choice.way == kp.strategies.Way("taylor", "global", "one_shot")
    assert "chosen:" not in str(result.report) and not result.report.steps[0].repairs
    ranked = kp.compress(model, kp.Budget(flops=0.6), data=data, ranking="per_layer")
    assert all("(per_layer)" in name for name in ranked.choice.tried)
    rounds = kp.strategies.Iterative(steps=2)
    assert kp.compress(model, kp.Budget(flops=0.6), strategy=rounds, data=data).choice.way.strategy == rounds


def test_quick_tries_nothing_and_thorough_rounds_too(case):
    model, data = case
    quick = kp.compress(model, kp.Budget(flops=0.6), data=data, effort="quick")
    assert not quick.choice.tried and quick.choice.way.criterion == "taylor"
    assert {way.strategy for way in EFFORTS["thorough"](True)} == {"one_shot", "iterative"}
    with pytest.raises(kp.OptionError, match="quick"):
        kp.compress(model, kp.Budget(flops=0.6), data=data, effort="quik")


def test_published_strategies_keep_their_own_ranking(case):
    model, data = case
    result = kp.compress(model, kp.Budget(channels=0.8), strategy="serial", data=data)
    assert result.trajectory.criterion == "magnitude" and "recover" not in result.report.settings


def test_samples_given_once_are_held(case):
    model, (x, y) = case
    batches = ((x[at : at + 8], y[at : at + 8]) for at in range(0, 24, 8))
    result = kp.compress(model, kp.Budget(flops=0.6), data=batches)
    assert len(result.choice.tried) == 3


def test_few_samples_are_enough_where_nothing_can_be_held_out(case):
    model, (x, y) = case
    few = kp.compress(model, kp.Budget(flops=0.6), data=(x[:3], y[:3]))
    assert not few.choice.tried and "fewer than 4 samples" in few.choice.reason
    named = kp.compress(model, kp.Budget(flops=0.6), "taylor", data=(x[:3], y[:3]))
    assert named.choice.way.criterion == "taylor"


def test_a_criterion_that_derives_every_output_is_tried_on_few_outputs_only():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(30, activation="softmax")(layers.Dense(8, activation="relu")(x)))
    data = np.random.default_rng(0).normal(size=(32, 4)).astype("float32"), np.arange(32) % 30
    result = kp.compress(model, kp.Budget(params=0.6), data=data, loss="sparse_categorical_crossentropy")
    assert {name.split()[0] for name in result.choice.tried} == {"magnitude", "taylor"}


def test_samples_are_drawn_from_the_whole_of_sorted_arrays():
    y = np.repeat(np.arange(10), 1000)
    found = some(Sampling((y[:, None], y), batch_size=100), MOST)
    assert sum(batch.size for batch in found) == MOST and max(batch.size for batch in found) == 100
    assert (np.bincount(np.concatenate([batch.y for batch in found]), minlength=10) > 150).all()
    assert isinstance(found[0], Batch) and (found[0].x[:, 0] == found[0].y).all()
