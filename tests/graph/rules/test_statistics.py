"""Means and norms over channels lose channels exactly: what is gone counts as zero."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import Share
from kerasprune.core.restrict import restrict
from kerasprune.graph.partial_normalization import PartialLayerNormalization
from tests.backends import BACKEND, not_on_torch, numbers
from tests.laws.check_slim import assert_slims_right
from tests.laws.random_models import random_keep, randomize

pytestmark = pytest.mark.backend

layers = keras.layers
ops = keras.ops


def variance_by_hand(h):
    return ops.mean(ops.square(h - ops.mean(h, -1, keepdims=True)), -1, keepdims=True)


STATISTICS = {
    "root mean square": lambda h: layers.RMSNormalization(epsilon=0.1)(h),
    "root mean square over all axes": lambda h: layers.RMSNormalization(axis=(1, 2))(h),
    "layer norm": lambda h: layers.LayerNormalization()(h),
    "layer norm over all axes": lambda h: layers.LayerNormalization(axis=(1, 2))(h),
    "layer norm, bare": lambda h: layers.LayerNormalization(center=False, scale=False)(h),
    "layer norm of halves": lambda h: layers.LayerNormalization(dtype="mixed_float16")(h),
    "layer norm on the first axis": lambda h: layers.Permute((2, 1))(
        layers.LayerNormalization(axis=1)(layers.Permute((2, 1))(h))
    ),
    "gated by a layer norm": lambda h: ops.multiply(
        ops.split(h, 2, -1)[0], layers.LayerNormalization()(ops.split(h, 2, -1)[1])
    ),
    "mean": lambda h: h * ops.sigmoid(ops.mean(h, -1, keepdims=True)),
    "mean of all": lambda h: h * ops.reshape(ops.mean(h, (1, 2)), (-1, 1, 1)),
    "mean of squares": lambda h: h * ops.rsqrt(ops.mean(ops.square(h), -1, keepdims=True) + 0.1),
    "variance by hand": lambda h: h * ops.rsqrt(variance_by_hand(h) + 0.1),
    "variance": lambda h: (h - ops.mean(h, -1, keepdims=True)) / ops.sqrt(ops.var(h, -1, keepdims=True) + 0.1),
    "deviation": lambda h: h / ops.expand_dims(ops.std(h, -1) + 0.1, -1),
    "moments": lambda h: h - ops.moments(h, (-1,), keepdims=True)[0] * ops.moments(h, (-1,), keepdims=True)[1],
    "operation rms": lambda h: ops.rms_normalization(h, epsilon=0.1),
    "operation layer norm": lambda h: ops.layer_normalization(h, epsilon=0.1),
    "length": lambda h: h / (ops.sqrt(ops.sum(ops.square(h), -1, keepdims=True)) + 0.1),
    "cosine similarity": lambda h: h * ops.sum(ops.normalize(h) * ops.normalize(ops.tanh(h)), -1, keepdims=True),
}


FAILING = {"layer norm on the first axis": "Keras normalizes the last axes only on torch"}


def model_with(statistic) -> keras.Model:
    x = keras.Input((5, 7))
    model = keras.Model(x, layers.Dense(3, name="out")(statistic(layers.Dense(24, name="before")(x))))
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.parametrize("name", not_on_torch(STATISTICS, FAILING))
def test_channels_of_a_statistic_go_exactly(name):
    model = model_with(STATISTICS[name])
    tolerance = 2e-2 if "halves" in name else 1e-5
    assert assert_slims_right(model, np.random.default_rng(0), tolerance) > 0.7


@pytest.mark.parametrize("name", not_on_torch(STATISTICS, FAILING))
def test_slimming_twice_is_slimming_by_both(name):
    rng = np.random.default_rng(0)
    model = model_with(STATISTICS[name])
    graph = kp.trace(model)
    first = graph.complete(random_keep(graph, rng))
    small = kp.slim(model, graph, first)
    rest, origin = restrict(graph, first)
    second = rest.complete(random_keep(rest, rng))
    both = np.zeros(graph.num_ids, bool)
    both[origin[second]] = True
    tolerance = 2e-2 if "halves" in name else 1e-5
    smaller = kp.slim(small, rest, second)
    assert smaller.count_params() == graph.params(both)
    assert kp.verify(model, graph, both, smaller, tolerance=tolerance) <= tolerance
    again = kp.trace(small)
    keep = random_keep(again, rng)
    assert kp.verify(small, again, keep, kp.slim(small, again, keep), tolerance=tolerance) <= tolerance


@pytest.mark.parametrize("name", ["root mean square", "layer norm", "mean of squares"])
def test_what_is_left_is_saved_and_loaded(name, tmp_path):
    model = model_with(STATISTICS[name])
    graph = kp.trace(model)
    small = kp.slim(model, graph, random_keep(graph, np.random.default_rng(1)))
    small.save(tmp_path / "small.keras")
    x = np.random.default_rng(2).standard_normal((4, 5, 7)).astype("float32")
    again = keras.models.load_model(tmp_path / "small.keras")
    np.testing.assert_allclose(numbers(again(x)), numbers(small(x)), rtol=1e-5, atol=1e-6)


def test_stock_layers_stay_stock_and_follow():
    model = model_with(lambda h: layers.RMSNormalization(epsilon=0.1, name="norm")(h))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[6:]] = False
    norm = kp.slim(model, graph, keep).get_layer("norm")
    assert type(norm) is layers.RMSNormalization
    assert norm.epsilon == pytest.approx(0.4)
    np.testing.assert_allclose(numbers(norm.scale), numbers(model.get_layer("norm").scale)[:6] * 2, rtol=1e-6)


def test_a_layer_norm_that_loses_nothing_stays_a_stock_layer():
    model = model_with(lambda h: layers.LayerNormalization(name="norm")(h))
    graph = kp.trace(model)
    assert type(kp.slim(model, graph, graph.keep_all()).get_layer("norm")) is layers.LayerNormalization
    small = kp.slim(model, graph, random_keep(graph, np.random.default_rng(0)))
    assert type(small.get_layer("norm")) is PartialLayerNormalization


def test_only_one_of_two_axes_with_channels_goes():
    x = keras.Input((5, 7))
    h = layers.EinsumDense("abc,cde->abde", (5, 3, 6))(x)
    y = layers.EinsumDense("abde,def->abf", (5, 2), name="out")(layers.RMSNormalization(axis=(-2, -1), name="norm")(h))
    model = keras.Model(x, y)
    graph = kp.trace(model)
    assert {g.width: g.frozen for g in graph.groups}[6] is None
    assert "and others at once" in {g.width: g.frozen for g in graph.groups}[3]
    assert_slims_right(model, np.random.default_rng(0))


@pytest.mark.skipif(BACKEND == "torch", reason="Keras normalizes the last axes only on torch")
def test_a_scale_that_keras_lays_along_its_axes_in_another_order_stays():
    x = keras.Input((4, 3))
    h = layers.Dense(6, name="first")(x)
    model = keras.Model(x, layers.Dense(2)(layers.LayerNormalization(axis=(1, -1), name="norm")(h)))
    group = next(group for group in kp.trace(model).groups if group.name == "first")
    assert "in another order" in group.frozen
    assert_slims_right(model, np.random.default_rng(0))


def test_the_deprecated_scaling_by_the_variance_stays():
    with pytest.warns(UserWarning, match="rms_scaling"):
        model = model_with(lambda h: layers.LayerNormalization(rms_scaling=True)(h))
        assert "rms_scaling" in kp.trace(model).groups[0].frozen


def test_a_partial_norm_says_what_is_wrong():
    with pytest.raises(ValueError, match="total=0"):
        PartialLayerNormalization(total=0)
    with pytest.raises(ValueError, match="8 entries along axis"):
        PartialLayerNormalization(total=6)(np.ones((2, 8), "float32"))


def test_a_share_is_taken_of_what_is_there():
    labels, keep = np.array([1, 2, 3, 4]), np.array([True, True, False, False, False])
    assert Share(labels, -1.0, 0.1).under(keep) == pytest.approx(0.4)
