"""The graph's own arithmetic, on graphs made by hand."""

import numpy as np
import pytest

from kerasprune.core import MEASURES, ChannelGraph, ChannelGroup, Count, GraphError, Pick, Term, cut


def two_groups() -> ChannelGraph:
    """Ids 1..3 free, 4..5 frozen; a kernel of 3 x 2 between them, applied at 10 places, and a bias of 2."""
    made, read = np.array([4, 5]), np.array([1, 2, 3])
    return ChannelGraph(
        num_ids=6,
        groups=(
            ChannelGroup("a", read, None, ("a", "b"), ("`add` ties them",)),
            ChannelGroup("out", made, "it is", ("out",)),
        ),
        weights=(),
        calls=(),
        edits={},
        declined={"odd": "nobody knows it"},
        input_shapes=((1, 4),),
        params_terms=(Term("out", 1.0, (read, made)), Term("out", 1.0, (made,)), Term("fixed", 7.0)),
        macs_terms=(Term("out", 10.0, (read, made)),),
    )


def test_costs_are_products_of_counts():
    graph = two_groups()
    assert (graph.params(), graph.macs(), graph.channels()) == (3 * 2 + 2 + 7, 60, 5)
    keep = np.array([True, True, False, False, True, True])
    assert (graph.params(keep), graph.macs(keep), graph.channels(keep)) == (2 + 2 + 7, 20, 3)
    assert graph.cost_table.per_layer(keep) == {"out": (4.0, 20.0), "fixed": (7.0, 0.0)}


def test_the_gradient_of_the_cost_is_what_one_channel_costs():
    graph = two_groups()
    keep = np.ones(graph.num_ids)
    for name, cost in (("flops", graph.macs), ("params", graph.params), ("channels", lambda keep: keep[1:].sum())):
        expected = [cost(keep) - cost(keep - np.eye(graph.num_ids)[i]) for i in range(graph.num_ids)]
        assert np.allclose(MEASURES[name].gradient(graph, keep), expected)


def test_frozen_ids_stay_whatever_keep_says():
    graph = two_groups()
    keep = graph.complete(np.array([False, True, False, False, False, True]))
    assert keep.tolist() == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (np.ones(6), "boolean array of shape"),
        (np.ones(5, bool), "boolean array of shape"),
        (np.array([True, False, False, False, True, True]), "removes all 3 channels of 'a'"),
    ],
)
def test_a_keep_that_does_not_fit_is_refused(keep, message):
    with pytest.raises(GraphError, match=message):
        two_groups().complete(keep)


def test_printed_it_is_a_table_with_all_reasons():
    text = str(two_groups())
    assert "stays: it is" in text
    assert "left alone: odd: nobody knows it" in text
    assert "3 of 5 channels in 1 of 2 groups" in text


def test_explain_says_what_is_tied_to_what():
    text = two_groups().explain("a")
    assert "made by a, b" in text
    assert "`add` ties them" in text
    with pytest.raises(GraphError, match="no group named 'x'"):
        two_groups().explain("x")


def test_cut_leaves_out_along_labelled_axes_only():
    keep = np.array([True, False, True])
    value = np.arange(12).reshape(3, 4)
    axes = (np.array([0, 1, 2]), np.array([1, 2, 1, 2]))
    assert cut(value, axes, keep).tolist() == [[1, 3], [9, 11]]
    assert cut(value, (None, None), keep) is value
    assert Pick(value, axes).under(keep).tolist() == [[1, 3], [9, 11]]
    assert Count(axes[1], factor=3).under(keep) == 6
