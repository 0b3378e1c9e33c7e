"""What `select` promises for any graph, scores, budget and constraints."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kerasprune.core import BudgetError, ChannelGraph
from kerasprune.selection import RANKINGS, Budget, select, tile
from tests.hand_graphs import dense_chain

graphs = st.lists(st.integers(1, 12), min_size=2, max_size=5).map(lambda widths: dense_chain(*widths))
seeds = st.integers(0, 2**31)
options = st.fixed_dictionaries({"round_to": st.integers(1, 5), "min_width": st.integers(1, 4)})
fractions = st.floats(0.05, 1.0)


def random_scores(graph, seed):
    """Scores with many ties and a few +inf."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, graph.num_ids).astype(float)
    scores[rng.random(graph.num_ids) < 0.05] = np.inf
    return scores


measures = st.sampled_from(["params", "flops", "channels"])
MEASURES = {"params": ChannelGraph.params, "flops": ChannelGraph.macs, "channels": ChannelGraph.channels}


def smallest(graph, scores, round_to: int = 1, min_width: int = 1) -> np.ndarray:
    """The least that any budget can leave; in these graphs all channels of a group cost the same."""
    keep = graph.keep_all()
    for group in graph.free_groups:
        least = max(min(min_width, group.width), np.isposinf(scores[group.ids]).sum(), 1)
        width = min(-(-least // round_to) * round_to, group.width)
        keep[group.ids[width:]] = False
    return keep


def attempt(graph, scores, budget, **options):
    """What `select` returns, after a check that it refuses exactly the budgets that nothing reaches; None then."""
    limits = {key: options[key] for key in ("round_to", "min_width") if key in options}
    least = smallest(graph, scores, **limits)
    ((name, limit),) = budget.limits(graph).items()
    if MEASURES[name](graph, least) > limit * (1 + 1e-9):
        with pytest.raises(BudgetError, match="cannot be reached"):
            select(graph, scores, budget, **options)
        return None
    return select(graph, scores, budget, **options)


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, fraction=st.floats(0.01, 1.0), measure=measures)
def test_a_budget_is_refused_if_and_only_if_nothing_reaches_it(ranking, graph, seed, options, fraction, measure):
    scores = random_scores(graph, seed)
    keep = attempt(graph, scores, Budget(**{measure: fraction}), ranking=ranking, **options)
    assert keep is None or MEASURES[measure](graph, keep) <= fraction * MEASURES[measure](graph) * (1 + 1e-9)


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, fraction=fractions, measure=measures)
def test_the_keep_is_valid_and_within_the_budget(ranking, graph, seed, options, fraction, measure):
    scores = random_scores(graph, seed)
    budget = Budget(**{measure: fraction})
    keep = attempt(graph, scores, budget, ranking=ranking, **options)
    assume(keep is not None)
    assert keep.dtype == bool
    np.testing.assert_array_equal(graph.complete(keep), keep)
    assert keep[np.isposinf(scores)].all()
    for name, limit in budget.limits(graph).items():
        assert MEASURES[name](graph, keep) <= limit * (1 + 1e-9)
    for group in graph.free_groups:
        kept = int(keep[group.ids].sum())
        assert kept >= min(options["min_width"], group.width)
        assert kept == group.width or kept % options["round_to"] == 0


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, pair=st.tuples(fractions, fractions))
def test_a_smaller_budget_keeps_nothing_that_a_larger_one_removed(ranking, graph, seed, options, pair):
    scores = random_scores(graph, seed)
    small, large = (attempt(graph, scores, Budget(flops=f), ranking=ranking, **options) for f in sorted(pair))
    assume(small is not None)
    assert not (small & ~large).any()


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, fraction=fractions)
def test_within_a_group_what_goes_is_below_what_stays_and_ties_go_by_id(ranking, graph, seed, options, fraction):
    scores = random_scores(graph, seed)
    keep = attempt(graph, scores, Budget(params=fraction), ranking=ranking, **options)
    assume(keep is not None)
    for group in graph.free_groups:
        order = group.ids[np.lexsort((group.ids, scores[group.ids]))]
        assert (np.diff(keep[order].astype(int)) >= 0).all()


@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, fraction=fractions)
def test_one_removal_less_would_miss_the_budget(graph, seed, fraction):
    scores = random_scores(graph, seed)
    keep = attempt(graph, scores, Budget(params=fraction))
    assume(keep is not None and not keep.all())
    removed = np.flatnonzero(~keep)
    last = removed[np.lexsort((removed, scores[removed]))][-1]
    keep[last] = True
    assert graph.params(keep) > fraction * graph.params()


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=30)
@given(graph=st.lists(st.integers(1, 40), min_size=2, max_size=4).map(lambda w: dense_chain(*w)), seed=seeds,
       pair=st.tuples(fractions, fractions))  # fmt: skip
def test_automatic_rounding_reaches_what_single_channels_reach_and_is_monotone(ranking, graph, seed, pair):
    scores = np.random.default_rng(seed).integers(0, 4, graph.num_ids).astype(float)
    small, large = sorted(pair)
    assume(attempt(graph, scores, Budget(params=small)) is not None)
    keeps = [select(graph, scores, Budget(params=f), ranking=ranking, round_to="auto") for f in (small, large)]
    assert graph.params(keeps[0]) <= small * graph.params() * (1 + 1e-9)
    assert not (keeps[0] & ~keeps[1]).any()
    widths = [(int(keeps[0][group.ids].sum()), group.width, tile(graph, group)) for group in graph.free_groups]
    if any(left < width and left % step for left, width, step in widths):  # only where whole tiles are not enough
        assert all(left <= step for left, _, step in widths)
