"""Normalisations over channels that lose channels on request, and what that changes."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.slimming import measure_inexact
from tests.laws.random_models import random_keep, randomize

pytestmark = pytest.mark.processor

layers = keras.layers
KINDS = ("LayerNormalization", "RMSNormalization")


def model_with(kind: str) -> keras.Model:
    x = keras.Input((5,))
    norm = getattr(layers, kind)(name="norm")
    h = norm(layers.Dense(8, name="before")(x))
    model = keras.Model(x, layers.Dense(3)(norm(layers.Dense(8, activation="relu")(h))))
    randomize(model, np.random.default_rng(0))
    return model


def without(graph, count: int) -> np.ndarray:
    """Everything but the first channels of the first group."""
    keep = graph.keep_all()
    keep[graph.groups[0].ids[:count]] = False
    return keep


@pytest.mark.parametrize("kind", KINDS)
def test_by_default_the_channels_stay(kind):
    graph = kp.trace(model_with(kind))
    assert f"{kind} `norm` takes its statistics over these channels" in graph.groups[0].frozen
    assert not graph.inexact


@pytest.mark.parametrize("kind", KINDS)
def test_on_request_they_go_and_the_rest_is_normalised_among_itself(kind):
    model = model_with(kind)
    graph = kp.trace(model, inexact=KINDS)
    keep = without(graph, 3)
    assert graph.groups[0].frozen is None
    assert "over the channels that remain" in str(graph)
    small = kp.slim(model, graph, keep)
    assert small.get_layer("norm").weights[0].shape == (5,)
    assert small.count_params() == graph.params(keep)
    assert kp.verify(model, graph, keep, small) < 1e-5
    assert measure_inexact(model, graph, keep, small) > 1e-3


def test_without_removals_nothing_is_inexact():
    model = model_with("LayerNormalization")
    graph = kp.trace(model, inexact=("LayerNormalization",))
    assert measure_inexact(model, graph, graph.keep_all(), kp.slim(model, graph)) < 1e-6


def test_the_statistics_are_those_of_the_remaining_channels():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(1)(layers.LayerNormalization(epsilon=1e-9, name="norm")(layers.Dense(6)(x))))
    graph = kp.trace(model, inexact=("LayerNormalization",))
    small = kp.slim(model, graph, without(graph, 2))
    part = keras.Model(small.input, small.get_layer("norm").output)
    y = keras.ops.convert_to_numpy(part(np.random.default_rng(0).standard_normal((7, 4)).astype("float32")))
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(-1), 1, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_notices_another_mistake(kind):
    model = model_with(kind)
    graph = kp.trace(model, inexact=KINDS)
    keep = random_keep(graph, np.random.default_rng(1))
    small = kp.slim(model, graph, keep)
    small.layers[-1].bias.assign(small.layers[-1].bias + 1.0)
    with pytest.raises(kp.VerificationError, match="differs from the masked one"):
        kp.verify(model, graph, keep, small)


@pytest.mark.parametrize("wrong", ["LayerNormalization", ("BatchNormalization",)])
def test_only_these_kinds_can_be_named(wrong):
    with pytest.raises(kp.GraphError, match="must be a collection of names"):
        kp.trace(model_with("LayerNormalization"), inexact=wrong)
