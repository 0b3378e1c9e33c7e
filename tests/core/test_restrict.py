"""The graph of a slimmed model follows from the graph and the keep."""

import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import GraphError
from kerasprune.core.restrict import restrict
from tests.hand_graphs import dense_chain
from tests.laws.random_models import from_generator, random_keep, random_model, randomize
from tests.small_models import conv_model


def test_ids_are_numbered_anew_and_their_origin_is_told():
    graph = dense_chain(3, 2, 1)
    keep = np.array([1, 1, 0, 1, 0, 1, 1], bool)
    small, origin = restrict(graph, keep)
    assert origin.tolist() == [0, 1, 3, 5, 6]
    assert [group.ids.tolist() for group in small.groups] == [[1, 2], [3], [4]]
    assert small.weights[2].shape == (2, 1)
    assert small.weights[2].axes[0].tolist() == [1, 2]
    assert (small.params(), small.macs(), small.channels()) == (graph.params(keep), graph.macs(keep), 4)


def test_frozen_ids_stay_and_an_emptied_group_is_refused():
    graph = dense_chain(2, 2)
    assert restrict(graph, np.array([0, 1, 0, 0, 0], bool))[1].tolist() == [0, 1, 3, 4]
    with pytest.raises(GraphError, match="removes all 2 channels of 'dense0'"):
        restrict(graph, np.array([1, 0, 0, 1, 1], bool))


def test_it_is_what_a_trace_of_the_slimmed_model_says():
    model = conv_model()
    graph = kp.trace(model)
    keep = random_keep(graph, np.random.default_rng(0))
    keep[[group.ids[0] for group in graph.groups] + [group.ids[1] for group in graph.groups]] = True
    found, _ = restrict(graph, keep)
    traced = kp.trace(kp.slim(model, graph, keep))
    assert (found.num_ids, found.params(), found.macs()) == (traced.num_ids, traced.params(), traced.macs())
    for mine, other in zip(found.groups, traced.groups, strict=True):
        assert (mine.name, mine.frozen, mine.ids.tolist()) == (other.name, other.frozen, other.ids.tolist())
    for mine, other in zip(found.weights, traced.weights, strict=True):
        assert (mine.layer, mine.index, mine.shape, mine.reads) == (other.layer, other.index, other.shape, other.reads)


@pytest.mark.parametrize("seed", range(6))
def test_slimming_twice_is_slimming_by_the_composed_keep(seed):
    assert_slimming_composes(np.random.default_rng(seed))


def assert_slimming_composes(rng):
    """Weights after two slimmings are those after one, on a random model."""
    model = random_model(from_generator(rng))
    randomize(model, rng)
    graph = kp.trace(model)
    first = random_keep(graph, rng)
    small = kp.slim(model, graph, first)
    rest, origin = restrict(graph, first)
    second = rest.complete(random_keep(rest, rng))
    twice = kp.slim(small, rest, second)
    both = np.zeros(graph.num_ids, bool)
    both[origin[second]] = True
    once = kp.slim(model, graph, both)
    assert [w.shape for w in twice.weights] == [w.shape for w in once.weights]
    for a, b in zip(twice.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = [rng.normal(size=(2, *shape[1:])).astype("float32") for shape in graph.input_shapes]
    kp.verify(model, graph, both, twice, (x,))
