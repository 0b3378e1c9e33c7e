"""The criteria that look at weights alone, on weights whose scores are known."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import GraphError
from kerasprune.core.by_id import by_id
from kerasprune.criteria import score
from kerasprune.criteria.geometric_median import slices
from kerasprune.criteria.magnitude import power_sums
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from tests.hand_graphs import dense_chain
from tests.small_models import conv_model, dense_model

layers = keras.layers


@pytest.fixture
def two_dense():
    """4 inputs, 3 hidden channels, 2 outputs: kernels (4, 3) and (3, 2), on a graph written by hand."""
    model = dense_model(3, 2)
    made = np.array([[1, 0, 3], [-1, 0, 4], [1, 0, 0], [1, 2, 0]], "float32")
    read = np.array([[0, 1], [6, 8], [0, 2]], "float32")
    model.set_weights([made, np.full(3, 100.0), read, np.full(2, 100.0)])
    return model, dense_chain(3, 2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"p": 1, "weights": "made"}, [4, 2, 7]),
        ({"p": 2, "weights": "made"}, [2, 2, 5]),
        ({"p": 2, "weights": "read"}, [1, 10, 2]),
        ({"p": 2, "weights": "all", "reduction": "sum"}, [3, 12, 7]),
        ({"p": 2, "weights": "all", "reduction": "mean"}, [1.5, 6, 3.5]),
        ({"p": 2, "weights": "all", "reduction": "max"}, [2, 10, 5]),
    ],
)
def test_magnitude_is_the_norm_of_the_slices_of_a_channel(two_dense, options, expected):
    scores = score(*two_dense, "magnitude", normalization="none", **options)
    np.testing.assert_allclose(scores[1:4], expected, rtol=1e-6)


def test_magnitude_counts_every_layer_that_makes_a_channel():
    model = conv_model()
    graph = kp.trace(model)
    first, second = (np.abs(model.get_layer(name).get_weights()[0]).sum((0, 1, 2)) for name in ("first", "second"))
    scores = score(model, graph, "magnitude", p=1, weights="made", normalization="none")
    np.testing.assert_allclose(scores[graph.groups[0].ids], (first + second) / 2, rtol=1e-6)


def test_magnitude_adds_up_all_positions_of_a_flattened_channel():
    model = conv_model()
    graph = kp.trace(model)
    kernel = model.get_layer("hidden").get_weights()[0]  # (3 * 3 * 4, 7)
    expected = np.abs(kernel).reshape(9, 4, 7).sum((0, 2))
    scores = score(model, graph, "magnitude", p=1, weights="read", normalization="none")
    third = next(group for group in graph.groups if group.name == "third")
    np.testing.assert_allclose(scores[third.ids], expected, rtol=1e-6)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("shape", [(7, 5), (3, 3, 4, 6), (2, 3, 2, 2, 5), (400, 1500)])
def test_sums_in_one_pass_are_the_sums(shape, p):
    value = np.random.default_rng(0).normal(size=shape).astype("float32")
    sums = power_sums(value, tuple(range(value.ndim)), p)
    for axis, found in enumerate(sums):
        others = tuple(other for other in range(value.ndim) if other != axis)
        np.testing.assert_allclose(found, (np.abs(value.astype(float)) ** p).sum(others), rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"p": 3}, {"weights": "bias"}, {"reduction": "median"}, {"normalization": "softmax"}]
)
def test_an_unknown_option_of_magnitude_is_refused(two_dense, options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        score(*two_dense, "magnitude", **options)


def test_the_scale_is_that_of_the_batch_norms_and_what_has_none_stays():
    model = conv_model()
    gamma = np.array([0.5, -3, 1, 0, 2, 0.1], "float32")
    model.get_layer("norm").gamma.assign(gamma)
    graph = kp.trace(model)
    scores = score(model, graph, "bn_scale")
    np.testing.assert_allclose(scores[graph.groups[0].ids], np.abs(gamma))
    assert np.isposinf(scores[graph.groups[1].ids]).all()


@pytest.mark.parametrize("norm", [[], [layers.BatchNormalization(scale=False)]])
def test_the_scale_criterion_says_when_there_is_no_scale(norm):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), *norm, layers.Dense(2)])
    with pytest.raises(GraphError, match="`bn_scale` needs a BatchNormalization layer with scale=True"):
        score(model, kp.trace(model), "bn_scale")


def test_the_filter_in_the_middle_of_the_others_is_worth_least():
    model = dense_model(4, 2, inputs=2)
    filters = np.array([[0, 0], [3, 4], [-3, -4], [30, 40]], "float32")
    model.layers[0].set_weights([filters.T, np.zeros(4)])
    scores = score(model, dense_chain(4, 2, inputs=2), "geometric_median", normalization="none")
    np.testing.assert_allclose(scores[1:5], [60, 60, 70, 150], rtol=1e-5)


def test_slices_gather_all_positions_of_an_id_and_leave_out_what_is_no_channel():
    value = np.arange(10, dtype="float32").reshape(2, 5)
    ids, rows = slices(value, np.array([7, 0, 3, 7, 3]), axis=1)
    assert ids.tolist() == [3, 7]
    assert rows.tolist() == [[2, 7, 4, 9], [0, 5, 3, 8]]
    ids, rows = slices(value, np.array([7, 0, 3, 7, 9]), axis=1)
    assert ids.tolist() == [3, 7, 9]
    assert rows.tolist() == [[2, 7, 0, 0], [0, 5, 3, 8], [4, 9, 0, 0]]


def test_values_of_equal_labels_are_summed_without_what_is_no_channel():
    ids, sums = by_id(np.array([5, 0, 9, 5]), np.array([1.0, 2, 3, 4]))
    assert (ids.tolist(), sums.tolist()) == ([5, 9], [5, 3])
    ids, sums = by_id(np.array([5, 9]), np.array([1.0, 2]))
    assert (ids.tolist(), sums.tolist()) == ([5, 9], [1, 2])


@pytest.mark.parametrize(("how", "scale"), [("none", 1), ("mean", 3), ("max", 5), ("l2", np.sqrt(35 / 3))])
def test_a_normalization_divides_each_group_by_its_own_scale(how, scale):
    graph = dense_chain(3, 2, 1)
    scores = np.array([9, 1, -3, 5, 0, 0, 7.0])
    expected = [9, 1 / scale, -3 / scale, 5 / scale, 0, 0, 7]
    np.testing.assert_allclose(normalize(scores, graph, how), expected)
    assert how in NORMALIZATIONS


def test_a_normalization_leaves_infinite_scores_out():
    graph = dense_chain(3, 1)
    np.testing.assert_allclose(normalize(np.array([0, 2, np.inf, 4, 0.0]), graph, "max"), [0, 0.5, np.inf, 1, 0])
