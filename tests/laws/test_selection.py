"""What `select` promises for any graph, scores, budget and constraints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasprune.core import BudgetError
from kerasprune.selection import RANKINGS, Budget, select
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


def attempt(*args, **kwargs):
    try:
        return select(*args, **kwargs)
    except BudgetError as error:
        assert "cannot be reached" in str(error)
        return None


measures = st.sampled_from(["params", "flops", "channels"])


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, fraction=fractions, measure=measures)
def test_the_keep_is_valid_and_within_the_budget(ranking, graph, seed, options, fraction, measure):
    scores = random_scores(graph, seed)
    budget = Budget(**{measure: fraction})
    keep = attempt(graph, scores, budget, ranking=ranking, **options)
    if keep is None:
        return
    assert keep.dtype == bool
    np.testing.assert_array_equal(graph.complete(keep), keep)
    assert keep[np.isposinf(scores)].all()
    for name, limit in budget.limits(graph).items():
        cost = {"params": graph.params, "flops": graph.macs, "channels": graph.channels}[name](keep)
        assert cost <= limit * (1 + 1e-9)
    for group in graph.free_groups:
        kept = int(keep[group.ids].sum())
        assert kept >= min(options["min_width"], group.width)
        assert kept == group.width or kept % options["round_to"] == 0


measures = st.sampled_from(["params", "flops", "channels"])


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, pair=st.tuples(fractions, fractions))
def test_a_smaller_budget_keeps_nothing_that_a_larger_one_removed(ranking, graph, seed, options, pair):
    scores = random_scores(graph, seed)
    small, large = (attempt(graph, scores, Budget(flops=f), ranking=ranking, **options) for f in sorted(pair))
    if small is not None:
        assert not (small & ~large).any()


measures = st.sampled_from(["params", "flops", "channels"])


@pytest.mark.parametrize("ranking", RANKINGS)
@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, options=options, fraction=fractions)
def test_within_a_group_what_goes_is_below_what_stays_and_ties_go_by_id(ranking, graph, seed, options, fraction):
    scores = random_scores(graph, seed)
    keep = attempt(graph, scores, Budget(params=fraction), ranking=ranking, **options)
    if keep is None:
        return
    for group in graph.free_groups:
        order = group.ids[np.lexsort((group.ids, scores[group.ids]))]
        assert (np.diff(keep[order].astype(int)) >= 0).all()


@settings(deadline=None, max_examples=60)
@given(graph=graphs, seed=seeds, fraction=fractions)
def test_one_removal_less_would_miss_the_budget(graph, seed, fraction):
    scores = random_scores(graph, seed)
    keep = attempt(graph, scores, Budget(params=fraction))
    if keep is None or keep.all():
        return
    removed = np.flatnonzero(~keep)
    last = removed[np.lexsort((removed, scores[removed]))][-1]
    keep[last] = True
    assert graph.params(keep) > fraction * graph.params()
