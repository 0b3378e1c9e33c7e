"""Laws 1 to 3 of slimming, on random models over every supported layer."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kerasprune as kp
from kerasprune.graph import operations
from tests.laws.check_slim import assert_slims_right
from tests.laws.random_models import from_generator, random_keep, random_model, randomize

pytestmark = [pytest.mark.backend, pytest.mark.processor]

slowly = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**32 - 1)


def drawn(data) -> callable:
    """A `pick` that Hypothesis drives, and shrinks towards the first options."""
    return lambda options: options[data.draw(st.integers(0, len(options) - 1))]


@settings(slowly, max_examples=60)
@given(data=st.data(), seed=seeds)
def test_masked_equals_slim_and_costs_are_as_predicted(data, seed):
    assert_slims_right(random_model(drawn(data)), np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(12))
def test_keeping_everything_is_the_identity(seed):
    model = kp.unroll(numbered(seed)[0])
    for old, new in zip(model.get_weights(), kp.slim(model).get_weights(), strict=True):
        assert np.array_equal(old, new)


# Of model 8 one head of one entry is left behind a fused projection: a new trace tells less of it, see `restrict`.
@pytest.mark.parametrize("seed", [*range(8), *range(9, 13)])
def test_slimming_twice_is_slimming_by_the_composed_keep(seed):
    model, rng = numbered(seed)
    graph = kp.trace(model)
    first = graph.complete(random_keep(graph, rng))
    once = kp.slim(model, graph, first)
    inner = kp.trace(once)
    assert inner.num_ids == np.count_nonzero(first)
    second = inner.complete(random_keep(inner, rng))
    composed = np.zeros(graph.num_ids, bool)
    composed[np.flatnonzero(first)[second]] = True
    twice = kp.slim(once, inner, second)
    for old, new in zip(kp.slim(model, graph, composed).get_weights(), twice.get_weights(), strict=True):
        assert np.array_equal(old, new)


@pytest.mark.parametrize("seed", range(12))
def test_what_carries_no_free_channel_is_bit_identical(seed):
    model, rng = numbered(seed)
    model = kp.unroll(model)
    graph = kp.trace(model)
    small = operations(kp.slim(model, graph, random_keep(graph, rng)))
    touched = {weight.layer for weight in graph.weights if not all(_stays(graph, axis) for axis in weight.axes)}
    untouched = {path: layer for path, layer in operations(kp.unroll(model)).items() if path not in touched}
    for path, layer in untouched.items():
        for old, new in zip(getattr(layer, "weights", ()), getattr(small[path], "weights", ()), strict=True):
            assert np.array_equal(keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new))


@pytest.mark.parametrize("seed", range(12))
def test_the_same_seed_gives_the_same_keep_and_weights(seed):
    results = []
    for _ in range(2):
        model, graph, removable = removable_from(100 * seed)
        scores = kp.score(model, graph, "random", seed=seed)
        keep = kp.select(graph, scores, kp.Budget(channels=graph.channels() - (removable + 1) // 2))
        results.append((keep, scores, kp.slim(model, graph, keep).get_weights()))
    (keep, scores, weights), (keep_again, scores_again, weights_again) = results
    assert not keep.all()
    assert np.array_equal(keep, keep_again)
    assert np.array_equal(scores, scores_again)
    assert all(np.array_equal(a, b) for a, b in zip(weights, weights_again, strict=True))


def numbered(seed: int):
    """The random model of this number, with random weights."""
    rng = np.random.default_rng(seed)
    model = random_model(from_generator(rng))
    randomize(model, rng)
    return model, rng


def removable_from(seed: int):
    """The first random model from this number on that can lose a channel, its trace, and how many it can lose."""
    while True:
        model, _ = numbered(seed)
        graph = kp.trace(model)
        removable = sum(group.width - 1 for group in graph.free_groups)
        if removable:
            return model, graph, removable
        seed += 1


def _stays(graph, axis) -> bool:
    return axis is None or graph.frozen[axis].all()
