"""Keeps of one group tried side by side come to what the whole network under each of them does."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.evidence import Probe, Sampling, SideBySide
from kerasprune.graph import Opened
from tests.evidence.test_ablation import two_outputs
from tests.small_models import conv_model, images

pytestmark = [pytest.mark.backend, pytest.mark.processor]

SPARSE = "sparse_categorical_crossentropy"


def assert_as_the_whole_network(model, data, loss=None, memory=16.0):
    """Every group with random keeps, in two calls; the metric is that of the first output."""
    runs = Opened.of(model).runs
    sampling, metric = Sampling(data, loss, batch_size=4), keras.metrics.SparseCategoricalAccuracy("accuracy")
    groups = runs.graph.free_groups
    tries = SideBySide(runs.flat, runs.graph, sampling, range(len(groups)), metric, memory)
    rng, probe = np.random.default_rng(0), Probe(runs.flat, runs.graph, sampling)
    jobs = [(number, rng.random((5, group.width)) < 0.5) for number, group in enumerate(groups)]
    found = [*tries(jobs[:1]), *tries(jobs[1:])]
    for (number, keeps), tried in zip(jobs, found, strict=True):
        for keep, loss_of, value in zip(keeps, *tried, strict=True):
            gain = np.ones(runs.graph.num_ids)
            gain[groups[number].ids] = keep
            assert loss_of == pytest.approx(probe.mean_loss(data, gain), abs=1e-5)
            assert value == pytest.approx(probe.metric(data, metric, gain), abs=1e-6)
    assert np.ptp(np.concatenate([tried.loss for tried in found])) > 1e-3
    whole = np.ones(runs.graph.num_ids)
    assert tries.whole == pytest.approx((probe.mean_loss(data, whole), probe.metric(data, metric, whole)), abs=1e-5)
    return tries


def test_a_residual_network_in_one_go_and_in_little_memory():
    data = images(10)
    tries = assert_as_the_whole_network(conv_model(), data, SPARSE)
    assert all(tail.at_once == 5 for tail in tries._tails.values()) and len(tries._held) == 3
    tries = assert_as_the_whole_network(conv_model(), data, SPARSE, memory=0.08)
    assert min(tail.at_once for tail in tries._tails.values()) < 5


def test_several_outputs_weights_and_groups_that_feel_one_of_them():
    rng = np.random.default_rng(1)
    x = {"picture": rng.normal(size=(7, 6, 6, 2)), "numbers": rng.normal(size=(7, 3))}
    y = {"classes": rng.integers(0, 3, 7), "size": rng.normal(size=(7, 2))}
    assert_as_the_whole_network(two_outputs(), (x, y, np.arange(7) / 3.0))


def test_nothing_is_traced_between_two_calls():
    model, counted = conv_model(), []
    graph = kp.trace(model)
    tries = SideBySide(
        model, graph, Sampling(images(10), SPARSE, batch_size=4), [1], keras.metrics.SparseCategoricalAccuracy(), 16.0
    )
    keeps = np.random.default_rng(0).random((6, 4, graph.free_groups[1].width)) < 0.7
    tries([(1, keeps[0])])
    tail = tries._tails[1]
    run = type(tail).run
    tail.run = lambda *given: counted.append(1) or run(tail, *given)
    for more in keeps[1:]:
        tries([(1, more)])
    assert tries._tails[1] is tail
    assert len(counted) == (15 if keras.backend.backend() == "torch" else 0)  # torch traces nothing at all


def test_only_what_depends_on_the_group_runs_again():
    model = conv_model()
    graph = kp.trace(model)
    tries = SideBySide(
        model, graph, Sampling(images(4), SPARSE), [1, 2], keras.metrics.SparseCategoricalAccuracy(), 16.0
    )
    paths = [[step.call.path for step in tries.plans[group].steps] for group in (1, 2)]
    assert not any("first" in path or "second" in path for path in paths[0])
    assert not any("third" in path for path in paths[1]) and any("classes" in path for path in paths[1])
