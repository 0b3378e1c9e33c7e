"""Attention loses whole heads, and the slimmed model equals the masked one."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.laws.check_slim import assert_slims_right
from tests.laws.random_models import random_keep, randomize

layers = keras.layers
ops = keras.ops


def embedded(width=10):
    """An input of 6 positions and its embedding, whose channels are free."""
    x = keras.Input((6, 8))
    return x, layers.Dense(width, name="embed")(x)


def own_attention(h, count=4, size=3, *, merge=True):
    """Attention written by hand: projections, softmax of the scores, mixture, output projection."""
    q, k, v = (
        layers.EinsumDense("abc,cde->abde", (6, count, size), bias_axes="de", name=name)(h)
        for name in ("query", "key", "value")
    )
    mixed = ops.dot_product_attention(q, k, v)
    if merge:
        return layers.Dense(10, name="output")(layers.Reshape((6, count * size))(mixed))
    return layers.EinsumDense("abde,def->abf", (6, 10), bias_axes="f", name="output")(mixed)


def self_attention(h):
    return layers.MultiHeadAttention(4, 3, name="attention")(h, h)


def cross_attention(h):
    layer = layers.MultiHeadAttention(4, 3, 5, dropout=0.1, use_bias=False, name="attention")
    return layer(h, layers.Dense(7)(h), layers.Dense(4)(h))


def causal_attention(h):
    return layers.MultiHeadAttention(4, 3, dropout=0.1, name="attention")(query=h, value=h, use_causal_mask=True)


def shaped_attention(h):
    return layers.MultiHeadAttention(4, 3, output_shape=(2, 3), name="attention")(value=h, query=h)


def scores_too(h):
    result, scores = layers.MultiHeadAttention(4, 3, name="attention")(h, h, return_attention_scores=True)
    return ops.concatenate([layers.Flatten()(result), layers.Flatten()(scores)], axis=-1)


def called_twice(h):
    layer = layers.MultiHeadAttention(4, 3, name="attention")
    return layer(layer(h, h), h)


def grouped(h):
    return layers.GroupQueryAttention(3, 4, 2, name="attention")(h, h)


def grouped_scores(h):
    layer = layers.GroupQueryAttention(3, 4, 2, dropout=0.1, use_bias=False, name="attention")
    result, scores = layer(h, layers.Dense(10)(h), return_attention_scores=True)
    return ops.concatenate([layers.Flatten()(result), layers.Flatten()(scores)], axis=-1)


def in_residual_stream(h):
    h = layers.LayerNormalization()(h + self_attention(h))
    return h + layers.Dense(10)(layers.Dense(16, activation="gelu", name="wide")(h))


def luong(h):
    return layers.Attention(use_scale=True)([h, layers.Dense(5)(h), layers.Dense(10)(h)])


def bahdanau(h):
    return layers.AdditiveAttention()([h, layers.Dense(10)(h)])


@pytest.mark.parametrize(
    "attend",
    [
        self_attention,
        cross_attention,
        causal_attention,
        shaped_attention,
        scores_too,
        called_twice,
        grouped,
        grouped_scores,
        in_residual_stream,
        luong,
        bahdanau,
        own_attention,
        lambda h: own_attention(h, merge=False),
    ],
)
def test_slimmed_attention_equals_the_masked_one(attend):
    x, h = embedded()
    model = keras.Model(x, layers.Dense(3)(attend(h)))
    rng = np.random.default_rng(0)
    randomize(model, rng)
    graph = kp.trace(model)
    assert graph.params() == model.count_params()
    for _ in range(3):
        keep = graph.complete(random_keep(graph, rng))
        small = kp.slim(model, graph, keep)
        kp.verify(model, graph, keep, small)
        assert small.count_params() == graph.params(keep)
        assert kp.trace(small).macs() == graph.macs(keep)


def test_a_removed_head_is_gone_from_all_projections_and_the_scale_stays():
    x, h = embedded()
    graph = kp.trace(model := keras.Model(x, layers.Dense(3)(self_attention(h))))
    heads = next(group for group in graph.groups if group.name == "attention")
    keep = graph.keep_all()
    keep[heads.ids[[0, 2]]] = False
    layer = kp.slim(model, graph, keep).get_layer("attention")
    assert (layer.num_heads, layer.key_dim, layer.value_dim) == (2, 3, 3)
    shapes = [tuple(weight.shape) for weight in layer.weights if weight.path.endswith("kernel")]
    assert shapes == [(10, 2, 3), (10, 2, 3), (10, 2, 3), (2, 3, 10)]


def test_a_key_value_head_goes_with_the_query_heads_that_share_it():
    x, h = embedded()
    graph = kp.trace(model := keras.Model(x, layers.Dense(3)(grouped(h))))
    groups = next(group for group in graph.groups if group.name == "attention")
    assert groups.width == 2
    keep = graph.keep_all()
    keep[groups.ids[0]] = False
    layer = kp.slim(model, graph, keep).get_layer("attention")
    assert (layer.num_query_heads, layer.num_key_value_heads) == (2, 1)


def test_a_mask_with_an_entry_for_each_head_keeps_the_heads():
    x, h = embedded()
    per_head, shared = keras.Input((4, 6, 6), dtype="bool"), keras.Input((1, 6, 6), dtype="bool")
    for mask, reason in ((per_head, "an entry for each head"), (shared, None)):
        result = layers.MultiHeadAttention(4, 3, name="attention")(h, h, attention_mask=mask)
        graph = kp.trace(keras.Model([x, mask], layers.Dense(3)(result)))
        frozen = next(group.frozen for group in graph.groups if group.name == "attention")
        assert (reason in frozen) if reason else frozen is None


def test_multiply_accumulates_of_attention_are_those_of_paper_and_pencil():
    x, h = embedded()
    graph = kp.trace(keras.Model(x, self_attention(h)))
    projections, pairs = 6 * 10 * 4 * 3 * 4, 6 * 6 * 4 * 3 * 2
    assert graph.cost_table.per_layer(graph.keep_all())["attention"][1] == projections + pairs


def test_head_widths_of_an_attention_by_hand_stay_because_the_scale_follows_them():
    x, h = embedded()
    graph = kp.trace(keras.Model(x, layers.Dense(2)(own_attention(h, merge=False))))
    assert {group.frozen is None for group in graph.groups if group.name == "query"} == {True}
    widths = next(group for group in graph.groups if group.name == "query:2")
    assert "scales by their width" in widths.frozen


def by_dense_and_reshape(h, count=4, size=3, normalize=False):
    """The way of many tutorials: Dense, Reshape, Transpose, matmul, softmax, and all of it back."""
    q, k, v = (
        ops.transpose(layers.Reshape((6, count, size))(layers.Dense(count * size, name=name)(h)), (0, 2, 1, 3))
        for name in ("query", "key", "value")
    )
    if normalize:
        q = layers.LayerNormalization(axis=(1, 3), name="norm")(q)
    weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * size**-0.5, axis=-1)
    mixed = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
    return layers.Dense(10, name="output")(layers.Reshape((6, count * size))(mixed))


def test_attention_by_dense_and_reshape_loses_whole_heads():
    x, h = embedded()
    model = keras.Model(x, layers.Dense(3)(by_dense_and_reshape(h)))
    randomize(model, rng := np.random.default_rng(0))
    graph = kp.trace(model)
    heads = next(group for group in graph.groups if "query" in group.makers)
    assert (heads.width, heads.frozen, set(heads.makers)) == (4, None, {"query", "key", "value"})
    keep = random_keep(graph, rng)
    keep[heads.ids] = [True, False, False, True]
    small = kp.slim(model, graph, keep)
    kp.verify(model, graph, keep, small)
    assert small.get_layer("value").units == 6


def test_heads_that_are_normalized_together_go_one_by_one():
    x, h = embedded()
    model = keras.Model(x, layers.Dense(3)(by_dense_and_reshape(h, normalize=True)))
    graph = kp.trace(model)
    heads = next(group for group in graph.groups if "query" in group.makers)
    assert heads.frozen is None
    assert_slims_right(model, np.random.default_rng(0))
