import dataclasses

import numpy as np
import pytest

from kerasprune.core import BudgetError, Term
from kerasprune.selection import Budget, select
from tests.hand_graphs import dense_chain


@pytest.fixture
def graph():
    return dense_chain(8, 6, 3)


@pytest.fixture
def scores(graph):
    return np.random.default_rng(0).permutation(graph.num_ids).astype(float)


def widths(graph, keep):
    return [int(keep[group.ids].sum()) for group in graph.groups]


def test_the_least_valued_channels_of_all_groups_go_first(graph):
    scores = np.full(graph.num_ids, 9.0)
    scores[[2, 10]] = 1.0
    keep = select(graph, scores, Budget(channels=15))
    assert np.flatnonzero(~keep).tolist() == [2, 10]


def test_equal_scores_go_by_id(graph):
    keep = select(graph, np.ones(graph.num_ids), Budget(channels=14))
    assert np.flatnonzero(~keep).tolist() == [1, 2, 3]


def test_frozen_channels_stay_whatever_their_score(graph):
    scores = np.arange(graph.num_ids)[::-1]
    assert select(graph, scores, Budget(channels=5))[15:].all()


def test_per_layer_takes_the_same_share_of_every_group(graph, scores):
    keep = select(graph, scores * np.where(np.arange(18) < 9, 1, 100), Budget(channels=10), ranking="per_layer")
    assert widths(graph, keep) == [4, 3, 3]


def test_per_cost_weighs_a_score_against_what_a_removal_saves():
    graph = dense_chain(4, 4, 1, inputs=9)  # a channel of dense0 saves 9 + 4 MACs, one of dense1 4 + 1
    scores = np.array([0, 3, 3, 3, 3, 2, 2, 2, 2, 0])
    flops = Budget(flops=graph.macs() - 13)
    assert widths(graph, select(graph, scores, flops, ranking="per_cost")) == [3, 4, 1]
    assert widths(graph, select(graph, scores, flops, ranking="global")) == [4, 1, 1]
    assert widths(graph, select(graph, scores, Budget(channels=8), ranking="per_cost")) == [4, 3, 1]


def test_what_saves_nothing_goes_last():
    graph = dense_chain(4, 4, 1)
    free = Term("dense0", 0, (graph.groups[0].ids,))
    graph = dataclasses.replace(graph, macs_terms=(free, *graph.macs_terms[2:]))
    scores = np.array([0, 1, 1, 1, 1, 9, 9, 9, 9, 0])
    assert widths(graph, select(graph, scores, Budget(flops=0.5), ranking="per_cost")) == [4, 2, 1]


def test_widths_become_multiples_and_the_remainder_goes_first():
    graph = dense_chain(20, 12, 3)
    keep = select(graph, np.arange(graph.num_ids), Budget(channels=31), round_to=8)
    assert widths(graph, keep) == [16, 12, 3]
    keep = select(graph, np.arange(graph.num_ids), Budget(channels=20), round_to=8)
    assert widths(graph, keep) == [8, 8, 3]


def test_a_removal_of_several_channels_counts_with_their_mean():
    graph = dense_chain(4, 4, 3)
    scores = np.array([0, 1, 1, 9, 9, 0, 3, 9, 9, 0, 0, 0])  # pairs: 1, 9 and 1.5, 9
    assert widths(graph, select(graph, scores, Budget(channels=9), round_to=2)) == [2, 4, 3]


def test_a_group_narrower_than_the_multiple_is_left_alone(graph, scores):
    assert widths(graph, select(graph, scores, Budget(channels=1.0), round_to=7)) == [8, 6, 3]
    with pytest.raises(BudgetError, match="round_to=7"):
        select(graph, scores, Budget(params=0.1), round_to=7)


@pytest.mark.parametrize(("min_width", "expected"), [(3, [3, 3, 3]), (0.5, [4, 3, 3])])
def test_no_group_gets_narrower_than_the_minimum(graph, scores, min_width, expected):
    keep = select(graph, scores, Budget(channels=sum(expected)), min_width=min_width)
    assert widths(graph, keep) == expected


def test_a_protected_group_is_not_touched(graph, scores):
    assert widths(graph, select(graph, scores, Budget(channels=12), protect=["dense1"])) == [3, 6, 3]


def test_an_override_sets_the_width_whatever_the_budget(graph, scores):
    overrides = {"dense*": 0.5, "dense1": 2}
    assert widths(graph, select(graph, scores, Budget(params=1.0), overrides=overrides)) == [4, 2, 3]


def test_protection_goes_before_an_override(graph, scores):
    keep = select(graph, scores, Budget(params=1.0), overrides={"*": 0.5}, protect=["dense0"])
    assert widths(graph, keep) == [8, 3, 3]


def test_an_override_by_fraction_is_rounded_up_and_one_by_width_is_not(graph, scores):
    keep = select(graph, scores, Budget(params=1.0), overrides={"dense0": 0.5, "dense1": 5}, round_to=3)
    assert widths(graph, keep) == [6, 5, 3]


def test_a_score_of_infinity_keeps_its_channel(graph, scores):
    scores[[1, 2, 9]] = np.inf
    assert np.flatnonzero(select(graph, scores, Budget(channels=6))).tolist() == [0, 1, 2, 9, 15, 16, 17]
    with pytest.raises(BudgetError, match=r"\+inf"):
        select(graph, scores, Budget(channels=5))


def test_several_limits_hold_together(graph, scores):
    keep = select(graph, scores, Budget(params=0.9, channels=8))
    assert graph.channels(keep) == 8
    keep = select(graph, scores, Budget(params=0.3, channels=0.9))
    assert graph.params(keep) <= 0.3 * graph.params()


def test_an_unreachable_budget_names_the_smallest_one_and_what_is_in_the_way(graph, scores):
    with pytest.raises(BudgetError) as caught:
        select(graph, scores, Budget(params=20), protect=["dense1"])
    message = str(caught.value)
    # 4*1 + 1 + 1*6 + 6 + 6*3 + 3 parameters remain.
    assert "params=38, 33.0 % of the model" in message
    assert "'dense1' holds" in message and "protected by 'dense1'" in message
    assert "'dense2' holds" in message and "is an output of the model" in message


def test_the_smallest_budget_in_the_message_can_be_reached(graph, scores):
    assert graph.params(select(graph, scores, Budget(params=38), protect=["dense1"])) == 38


@pytest.mark.parametrize("argument", [{"protect": ["conv*"]}, {"overrides": {"conv*": 0.5}}])
def test_a_pattern_that_matches_nothing_is_an_error(graph, scores, argument):
    with pytest.raises(BudgetError, match=r"'conv\*'.*matches no group.*dense0"):
        select(graph, scores, Budget(params=0.5), **argument)


def test_an_override_of_a_frozen_group_is_an_error(graph, scores):
    with pytest.raises(BudgetError, match="is an output of the model"):
        select(graph, scores, Budget(params=0.5), overrides={"dense2": 0.5})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"round_to": 0}, "`round_to`"),
        ({"min_width": -1}, "`min_width`"),
        ({"overrides": {"dense0": 9}}, "sets 'dense0' to 9"),
        ({"overrides": {"dense0": 0}}, "`overrides`"),
        ({"protect": "dense0"}, "collection of patterns"),
        ({"ranking": "globl"}, "Did you mean 'global'"),
    ],
)
def test_a_malformed_option_is_refused_by_name(graph, scores, argument, message):
    with pytest.raises(ValueError, match=message):
        select(graph, scores, Budget(params=0.5), **argument)


def test_scores_with_nan_name_the_group(graph, scores):
    scores[10] = np.nan
    with pytest.raises(BudgetError, match="'dense1'.*NaN"):
        select(graph, scores, Budget(params=0.5))


def test_scores_of_another_shape_are_refused(graph, scores):
    with pytest.raises(BudgetError, match=r"\(18,\).*\(17,\)"):
        select(graph, scores[:-1], Budget(params=0.5))
