"""Agents that learn by trying: what they are rewarded with, what they may do, and that they learn something."""

import math

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.strategies import TryAndLearn
from kerasprune.strategies.agent import Agent, leading
from kerasprune.strategies.try_and_learn import tried
from tests.strategies.tasks import LOSS, fit, network, points

L1 = kp.criteria.Magnitude(p=1, weights="made")
WIDTHS = {"dense0": 5, "dense1": 4}
VALIDATION = points(300, 2)


@pytest.fixture(scope="module")
def dense():
    model = network()
    fit(model, 12)
    model.compile("sgd", LOSS, metrics=["accuracy"])
    return model


def run(dense, channels=0.95, train=None, widths=None, **options):
    """A short run."""
    learn = TryAndLearn(**{"drop": 0.2, "steps": 2, "trials": 3, "start": 0.7, "validation": VALIDATION, **options})
    selection = {} if widths is None else {"overrides": widths}
    return kp.compress(dense, kp.Budget(channels=channels), strategy=learn, data=points(), train=train, **selection)


def accuracy(model):
    return (model.predict(VALIDATION[0], verbose=0).argmax(axis=1) == VALIDATION[1]).mean()


@pytest.mark.slow
@pytest.mark.backend
def test_what_is_learned_is_better_than_random_and_than_l1_at_equal_widths(dense):
    found = run(dense, 12, widths=WIDTHS, drop=0.05, steps=40, trials=8, start=0.9)
    for group in found.record.groups:
        assert np.mean(group.rewards[-3:]) > group.rewards[0] + 1
    learned = accuracy(found.model)

    def otherwise(criterion, seed=0):
        return accuracy(
            kp.compress(dense, kp.Budget(channels=12), criterion, "one_shot", seed=seed, overrides=WIDTHS).model
        )

    assert learned > otherwise(L1) + 0.1 and learned > np.mean([otherwise("random", seed) for seed in range(4)]) + 0.1
    assert learned > accuracy(dense) - 0.05  # as much as was allowed


@pytest.mark.backend
@pytest.mark.parametrize("saving", ["group", "flops", lambda graph, keep: graph.params(keep)])
def test_the_reward_is_the_accuracy_term_times_what_is_saved(dense, saving):
    found = run(dense, 0.99, saving=saving)
    graph, (group, *_) = kp.trace(dense), found.record.groups
    assert found.record.value == pytest.approx(accuracy(dense), abs=1e-6)
    keep = graph.keep_all()
    keep[graph.groups[0].ids] = found.keep[graph.groups[0].ids]
    less = {"group": group.before / group.after, "flops": graph.macs() / graph.macs(keep)}
    less = less[saving] if isinstance(saving, str) else graph.params() / graph.params(keep)
    assert group.value == pytest.approx(accuracy(kp.slim(dense, graph, keep)), abs=1e-6) and group.after < group.before
    assert group.best == pytest.approx((0.2 - (found.record.value - group.value)) / 0.2 * math.log(less))


def test_it_trains_after_every_group_and_stops_within_the_budget(dense):
    trained = []

    def train(model):
        trained.append(model.count_params())
        fit(model, 1)

    found = run(dense, 0.8, train, start=0.5, drop=2.0)
    assert len(trained) == len(found.record.groups) == len(found.report.steps)
    assert found.report.channels.after <= 0.8 * found.report.channels.before
    assert found.record.groups[-1].tuned == pytest.approx(accuracy(found.model), abs=1e-6)
    assert found.report.difference < 1e-5


def test_what_is_protected_stays_and_widths_are_as_they_are_asked_for(dense):
    learn = TryAndLearn(drop=2.0, steps=2, trials=2, start=0.3)
    found = kp.compress(
        dense, kp.Budget(channels=0.95), strategy=learn, data=points(), protect=["dense0"], round_to=4, min_width=6
    )
    assert [layer.units for layer in found.model.layers if isinstance(layer, keras.layers.Dense)] == [12, 8, 3]


def test_a_group_that_bears_nothing_stays_whole_and_a_budget_that_is_not_met_is_said(dense):
    with pytest.raises(kp.BudgetError, match="All groups are through, .* channels=[0-9.]+ % is left. Allow a larger"):
        run(dense, 0.5, drop=1e-9)


def test_the_record_is_saved_and_drawn(dense, tmp_path):
    record = run(dense).record
    record.save(tmp_path / "record.json")
    record.plot(tmp_path / "record.png")
    assert '"dense0"' in (tmp_path / "record.json").read_text() and (tmp_path / "record.png").stat().st_size > 1000


def test_a_trial_keeps_each_channel_by_its_probability_and_an_allowed_number():
    rng, logits = np.random.default_rng(0), np.array([3.0, -3.0, 0.0, 1.0])
    free = np.stack([tried(logits, rng, [4, 3, 2, 1]) for _ in range(4000)])
    np.testing.assert_allclose(free.mean(axis=0), 1 / (1 + np.exp(-logits)), atol=0.03)
    fixed = np.stack([tried(logits, rng, [2]) for _ in range(400)])
    assert (fixed.sum(axis=1) == 2).all() and fixed[:, 0].mean() > 0.9 > 0.4 > fixed[:, 1].mean()


def test_where_widths_are_far_apart_the_next_ones_are_tried_as_often_as_they_are_near():
    rng, logits = np.random.default_rng(0), np.full(32, math.log(9))  # 29 stay on average
    counts = np.array([tried(logits, rng, [32, 24, 16, 8]).sum() for _ in range(500)])
    assert set(counts) <= {32, 24, 16} and counts.mean() == pytest.approx(0.9 * 32, abs=0.5)


@pytest.mark.backend
def test_an_agent_learns_what_is_rewarded():
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    agent = Agent(rng.normal(size=(6, 20)), 0.5, 0.02)
    np.testing.assert_allclose(agent.logits(), 0, atol=1e-6)
    for _ in range(60):
        actions = rng.random((8, 6)) < 1 / (1 + np.exp(-agent.logits()))
        agent.learn(actions, actions[:, :3].sum(axis=1) - actions[:, 3:].sum(axis=1) + 0.0)
    assert (agent.logits()[:3] > 1).all() and (agent.logits()[3:] < -1).all()
    before = agent.logits()
    agent.learn(np.ones((8, 6), bool), np.ones(8))  # rewards that are all one say nothing
    np.testing.assert_array_equal(agent.logits(), before)


def test_an_agent_sees_what_tells_filters_apart():
    filters = np.random.default_rng(0).normal(size=(9, 30))
    filters[4] = filters[2]
    seen = leading(filters)
    assert seen.shape == (9, 9) and np.square(seen).mean() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(seen[4], seen[2], atol=1e-6)
    assert leading(np.zeros((3, 40))).any() == np.False_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": 0}, "`drop` must be above 0"),
        ({"steps": 0}, "`steps` must be .* at least 1"),
        ({"trials": 1}, "`trials` must be .* at least 2"),
        ({"start": 1.0}, "`start` must be between 0 and 1"),
        ({"saving": "flop"}, "Did you mean 'flops'"),
    ],
)
def test_bad_options_are_one_clear_error(options, message):
    with pytest.raises(kp.OptionError, match=message):
        TryAndLearn(**options)
