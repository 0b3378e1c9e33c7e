"""The order of removals under a price that is no sum over channels."""

import numpy as np
import pytest

from kerasprune.selection import RANKINGS, Removals
from tests.hand_graphs import dense_chain


class Stairs:
    """Each group costs its weight for every begun block of so many channels."""

    def __init__(self, graph, blocks, weights):
        self.groups = list(zip(graph.free_groups, blocks, weights, strict=True))

    def total(self, keep):
        return sum(weight * -(-keep[group.ids].sum() // block) for group, block, weight in self.groups)

    def along(self, keep, ids, cuts):
        found = []
        for end in (0, *cuts):
            left = keep.copy()
            left[ids[:end]] = False
            found.append(self.total(left))
        return np.array(found, float)


@pytest.fixture
def graph():
    return dense_chain(32, 48, 3)


def widths(graph, keep):
    return [int(keep[group.ids].sum()) for group in graph.free_groups]


@pytest.mark.parametrize("ranking", RANKINGS)
def test_steps_end_where_the_price_falls_and_what_is_gone_stays_gone(graph, ranking):
    price = Stairs(graph, (16, 24), (1.0, 1.0))
    scores = np.random.default_rng(0).random(graph.num_ids)
    way = Removals(graph, scores, price, {"ranking": ranking, "round_to": "auto"})
    keeps = [way.keep(end) for end in way.ends]
    for wide, narrow in zip(keeps, keeps[1:], strict=False):
        assert not (narrow & ~wide).any()
    first, second = zip(*(widths(graph, keep) for keep in keeps), strict=True)
    assert set(first) == {32, 16} and set(second) == {48, 24}


def test_channels_go_first_where_they_cost_the_most_for_what_they_are_worth(graph):
    scores = np.ones(graph.num_ids)
    for weights, emptied in (((1.0, 10.0), 1), ((10.0, 1.0), 0)):
        way = Removals(graph, scores, Stairs(graph, (8, 8), weights), {"ranking": "per_cost", "round_to": "auto"})
        left = widths(graph, way.keep(way.ends[2]))
        assert left[emptied] < (32, 48)[emptied] and left[1 - emptied] == (32, 48)[1 - emptied]


def test_a_number_rounds_as_in_select_and_constraints_hold(graph):
    price = Stairs(graph, (16, 16), (1.0, 1.0))
    options = {"round_to": 5, "overrides": {"dense1": 7}}
    way = Removals(graph, np.arange(graph.num_ids), price, options)
    assert all(widths(graph, way.keep(end))[1] == 7 for end in way.ends)
    assert {widths(graph, way.keep(end))[0] for end in way.ends} == {32, 30, 25, 20, 15, 10, 5}
