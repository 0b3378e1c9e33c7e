"""What `score` promises whatever the criterion, and what it refuses."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError, OptionError
from kerasprune.criteria import CRITERIA, Magnitude, score
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def model():
    return conv_model()


@pytest.fixture(scope="module")
def graph(model):
    return kp.trace(model)


def test_what_cannot_be_removed_has_an_infinite_score(model, graph):
    scores = score(model, graph, "random")
    np.testing.assert_array_equal(np.isposinf(scores), graph.frozen)


def test_a_callable_gets_the_evidence_and_its_numbers_are_the_scores(model, graph):
    def first_is_best(evidence):
        assert evidence.model is model and evidence.graph is graph and evidence.data == "data" and evidence.seed == 3
        return -np.arange(evidence.graph.num_ids)

    scores = score(model, graph, first_is_best, "data", seed=3)
    np.testing.assert_array_equal(scores[~graph.frozen], -np.flatnonzero(~graph.frozen))


def test_options_reach_the_criterion_that_is_named(model, graph):
    np.testing.assert_array_equal(score(model, graph, "magnitude", p=1), score(model, graph, Magnitude(p=1)))
    assert not np.array_equal(score(model, graph, "magnitude", p=1), score(model, graph, "magnitude"))


def test_options_beside_an_object_are_refused(model, graph):
    with pytest.raises(OptionError, match="give them to the object itself.*p"):
        score(model, graph, Magnitude(), p=1)


def test_a_misspelt_option_is_answered_with_the_nearest(model, graph):
    with pytest.raises(
        OptionError, match="The criterion 'taylor' has no option 'normalisation'. Did you mean 'normalization'"
    ):
        score(model, graph, "taylor", normalisation="l2")


def test_a_misspelt_name_is_answered_with_the_nearest(model, graph):
    with pytest.raises(ValueError, match="Did you mean 'magnitude'"):
        score(model, graph, "magnitud")


def test_what_is_no_criterion_is_refused(model, graph):
    with pytest.raises(OptionError, match="must be a name"):
        score(model, graph, 3)


@pytest.mark.parametrize("returned", [np.zeros(3), None, "scores"])
def test_a_criterion_that_returns_something_else_is_named(model, graph, returned):
    def odd(evidence):
        return returned

    with pytest.raises(DataError, match="one number per channel id.*odd returned"):
        score(model, graph, odd)


def test_a_criterion_that_returns_nan_is_named_with_the_group(model, graph):
    def odd(evidence):
        return np.where(np.arange(graph.num_ids) == graph.groups[1].ids[0], np.nan, 1.0)

    with pytest.raises(DataError, match=f"odd gives NaN.*{graph.groups[1].name!r}"):
        score(model, graph, odd)


@pytest.mark.parametrize("name", [name for name in CRITERIA if name != "random"])
def test_weights_that_are_not_finite_are_one_clear_error(name):
    model = conv_model()
    for layer in ("second", "norm"):
        weights = model.get_layer(layer).get_weights()
        weights[0][..., 0] = np.nan
        model.get_layer(layer).set_weights(weights)
    with pytest.raises(DataError, match="NaN"):
        score(model, kp.trace(model), name, images(), loss="sparse_categorical_crossentropy")


@pytest.mark.parametrize("name", ["gauss_newton", "quadratic"])
def test_outputs_that_are_not_finite_or_no_probabilities_are_one_clear_error(name):
    model = dense_model(6, 5, 3)
    last = model.layers[-1]
    kernel, *others = last.get_weights()
    last.set_weights([np.full_like(kernel, np.nan), *others])
    data = np.ones((4, 4), "float32"), np.arange(4) % 3
    with pytest.raises(DataError, match="NaN"):
        score(model, kp.trace(model), name, data, loss="sparse_categorical_crossentropy")
    last.set_weights([10 * np.ones_like(kernel), *others])
    last.activation = keras.activations.linear
    with pytest.raises(DataError, match="no probabilities"):
        score(model, kp.trace(model), name, data, loss="sparse_categorical_crossentropy")


@pytest.mark.parametrize("name", ["magnitude", "geometric_median"])
def test_the_layer_of_a_weight_that_is_not_finite_is_named(name):
    model = dense_model(6, 5, 3)
    weights = model.get_layer("dense1").get_weights()
    weights[0][2, 1] = np.inf
    model.get_layer("dense1").set_weights(weights)
    with pytest.raises(DataError, match="'kernel' of layer 'dense1' holds NaN or infinity"):
        score(model, kp.trace(model), name)
