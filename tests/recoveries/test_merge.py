"""What the kept channel that is most like a removed one takes over from it."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.evidence import Sampling
from kerasprune.recoveries import Damage, Merge
from tests.laws.random_models import randomize

pytestmark = pytest.mark.processor

RNG = np.random.default_rng


def dense() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, name="makes"), layers.Dense(3, name="reads")])


def convolutions(padding: str, use_bias: bool = True) -> keras.Model:
    reads = layers.Conv2D(3, 3, padding=padding, use_bias=use_bias, name="reads")
    return keras.Sequential([keras.Input((7, 7, 2)), layers.Conv2D(5, 3, name="makes"), reads])


def flattened() -> keras.Model:
    middle = [layers.Conv2D(5, 3, name="makes"), layers.Flatten()]
    return keras.Sequential([keras.Input((5, 5, 2)), *middle, layers.Dense(3, name="reads")])


def damage(model: keras.Model, shift: float = 0.7) -> Damage:
    """A model in which channel 3 is twice channel 1 plus a constant, and goes."""
    randomize(model, RNG(0))
    kernel, bias = model.get_layer("makes").get_weights()
    kernel[..., 3], bias[3] = -2 * kernel[..., 1], -2 * bias[1] + shift
    model.get_layer("makes").set_weights([kernel, bias])
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[3]] = False
    x = RNG(1).normal(size=(50, *model.input_shape[1:])).astype("float32")
    return Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x))


@pytest.mark.parametrize("model", [dense, lambda: convolutions("valid"), flattened])
def test_an_affine_twin_takes_over_all(model):
    cut = damage(model())
    small, (repair,) = Merge()(cut)
    np.testing.assert_allclose(
        small.predict(cut.sampling.data, verbose=0),
        cut.model.predict(cut.sampling.data, verbose=0),
        rtol=1e-3,
        atol=1e-3,
    )
    assert repair.layer == "reads" and repair.before > 1e-3 and repair.after < 1e-8 and not repair.note


def test_padded_zeros_do_not_get_the_constant():
    cut = damage(convolutions("same"))
    small, (repair,) = Merge()(cut)
    off = np.abs(small.predict(cut.sampling.data, verbose=0) - cut.model.predict(cut.sampling.data, verbose=0))
    assert off[:, 1:-1, 1:-1].max() < 1e-3 < off.max()
    assert "where zeros are padded" in repair.note


def test_without_a_bias_there_is_only_a_factor():
    cut = damage(convolutions("valid", use_bias=False), shift=0.0)
    small, _ = Merge()(cut)
    np.testing.assert_allclose(
        small.predict(cut.sampling.data, verbose=0),
        cut.model.predict(cut.sampling.data, verbose=0),
        rtol=1e-3,
        atol=1e-3,
    )


def test_two_cuts_in_a_row_end_where_one_does():
    cut = damage(dense())
    graph, first = cut.graph, Merge()(cut)[0]
    keep = cut.keep.copy()
    keep[graph.free_groups[0].ids[0]] = False
    at_once = Merge()(Damage.of(cut.model, graph, keep, kp.slim(cut.model, graph, keep), cut.sampling))[0]
    graph_left, kept = kp.trace(first), graph.free_groups[0].ids[cut.keep[graph.free_groups[0].ids]]
    keep_left = graph_left.keep_all()
    keep_left[graph_left.free_groups[0].ids[~keep[kept]]] = False
    in_turn = Merge()(Damage.of(cut.model, graph, keep, kp.slim(first, graph_left, keep_left), cut.sampling))[0]
    for one, other in zip(at_once.get_weights(), in_turn.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_reader_that_cannot_take_over_is_said():
    inputs = keras.Input((6, 2))
    x = layers.SeparableConv1D(3, 2, name="reads")(layers.Conv1D(5, 2, name="makes")(inputs))
    _, (repair,) = Merge()(damage(keras.Model(inputs, x)))
    assert repair.after is None and "no merging for SeparableConv1D" in repair.note


@pytest.mark.slow
def test_the_criterion_and_its_compensation_lose_less_than_the_criterion_alone():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(12, "relu", name="makes"), layers.Dense(3, name="reads")])
    randomize(model, RNG(0))
    x = RNG(1).normal(size=(200, 4)).astype("float32")
    expected = model.predict(x, verbose=0)
    budget = kp.Budget(channels=10)
    off = [
        np.square(
            kp.compress(model, budget, "correlation", data=x, recover=recover).model.predict(x, verbose=0) - expected
        )
        for recover in ("merge", ())
    ]
    assert off[0].mean() < off[1].mean()
