"""Attention as people write it: fused projections, rotary positions, groups, windows, and whole blocks around it."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.laws.check_slim import assert_slims_right
from tests.laws.random_models import random_keep, randomize

layers = keras.layers
ops = keras.ops

LENGTH, HEADS, SIZE, WIDTH = 5, 4, 6, 14


def attend(q, k, v, cap=None):
    """Of tensors (batch, heads, positions, size)."""
    scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * SIZE**-0.5
    scores = scores if cap is None else cap * ops.tanh(scores / cap)
    return ops.matmul(ops.softmax(scores), v)


def join_heads(x):
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, LENGTH, HEADS * SIZE))


def heads_first(x, heads=HEADS):
    return ops.transpose(ops.reshape(x, (-1, LENGTH, heads, SIZE)), (0, 2, 1, 3))


def by_unstack(h):
    fused = ops.reshape(layers.Dense(3 * HEADS * SIZE)(h), (-1, LENGTH, 3, HEADS, SIZE))
    return join_heads(attend(*ops.unstack(ops.transpose(fused, (2, 0, 3, 1, 4)), 3, axis=0)))


def by_index(h):
    fused = ops.transpose(layers.Reshape((LENGTH, 3, HEADS, SIZE))(layers.Dense(3 * HEADS * SIZE)(h)), (2, 0, 3, 1, 4))
    return join_heads(attend(fused[0], fused[1], fused[2]))


def by_split(h):
    fused = ops.reshape(layers.Dense(3 * HEADS * SIZE)(h), (-1, LENGTH, HEADS, 3, SIZE))
    q, k, v = (ops.transpose(ops.squeeze(part, 3), (0, 2, 1, 3)) for part in ops.split(fused, 3, axis=3))
    return join_heads(attend(q, k, v))


def by_take(h):
    fused = ops.reshape(layers.Dense(3 * HEADS * SIZE)(h), (-1, LENGTH, 3, HEADS, SIZE))
    q, k, v = (ops.transpose(ops.take(fused, number, axis=2), (0, 2, 1, 3)) for number in range(3))
    return join_heads(attend(q, k, v))


def by_last_axis(h):
    fused = ops.reshape(layers.Dense(3 * HEADS * SIZE)(h), (-1, LENGTH, HEADS, 3 * SIZE))
    return join_heads(attend(*ops.split(ops.transpose(fused, (0, 2, 1, 3)), 3, axis=-1)))


def by_split_before(h):
    return join_heads(attend(*(heads_first(part) for part in ops.split(layers.Dense(3 * HEADS * SIZE)(h), 3, axis=-1))))


def with_a_soft_cap_and_norms(h):
    q, k, v = (heads_first(layers.Dense(HEADS * SIZE)(h)) for _ in range(3))
    return join_heads(attend(layers.RMSNormalization()(q), layers.LayerNormalization()(k), v, cap=5.0))


def across(h):
    keys = ops.reshape(layers.Dense(2 * HEADS * SIZE)(ops.tanh(h)), (-1, LENGTH, 2, HEADS, SIZE))
    k, v = ops.unstack(ops.transpose(keys, (2, 0, 3, 1, 4)), 2, axis=0)
    return join_heads(attend(heads_first(layers.Dense(HEADS * SIZE)(h)), k, v))


def in_groups(h):
    q = heads_first(layers.Dense(HEADS * SIZE)(h))
    k, v = (ops.repeat(heads_first(layers.Dense(2 * SIZE)(h), 2), HEADS // 2, axis=1) for _ in range(2))
    return join_heads(attend(q, k, v))


def rotated(x):
    """Of a tensor (batch, heads, positions, size)."""
    angle = ops.reshape(ops.arange(LENGTH, dtype="float32"), (1, 1, LENGTH, 1)) * 0.1
    first, second = x[..., : SIZE // 2], x[..., SIZE // 2 :]
    turned = ops.concatenate([-second, first], axis=-1)
    return x * ops.cos(angle) + turned * ops.sin(angle)


def with_rotary_positions(h):
    q, k, v = (heads_first(layers.Dense(HEADS * SIZE)(h)) for _ in range(3))
    return join_heads(attend(rotated(q), rotated(k), v))


WAYS = (
    by_unstack,
    by_index,
    by_split,
    by_take,
    by_last_axis,
    by_split_before,
    with_a_soft_cap_and_norms,
    across,
    in_groups,
    with_rotary_positions,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whole_heads_go(way):
    x = keras.Input((LENGTH, WIDTH))
    model = keras.Model(x, layers.Dense(3, name="out")(way(x)))
    graph = kp.trace(model)
    heads = HEADS // 2 if way is in_groups else HEADS
    assert any(group.width == heads and group.frozen is None for group in graph.groups), str(graph)
    for seed in range(2):
        assert_slims_right(model, np.random.default_rng(seed))


def test_the_size_of_the_values_and_that_of_queries_and_keys_go():
    x = keras.Input((LENGTH, WIDTH))
    q, k, v = (layers.EinsumDense("abc,cde->abde", (None, HEADS, SIZE))(x) for _ in range(3))
    weights = ops.softmax(ops.einsum("bqhd,bkhd->bhqk", q, k))
    y = layers.EinsumDense("abde,dec->abc", (None, 3))(ops.einsum("bhqk,bkhd->bqhd", weights, v))
    model = keras.Model(x, y)
    graph = kp.trace(model)
    assert sorted(group.width for group in graph.free_groups) == [HEADS, SIZE, SIZE]
    assert_slims_right(model, np.random.default_rng(0))


class Rotary(layers.Layer):
    """Rotary positions of a tensor (batch, positions, heads, size), by the length that the tensor says it has."""

    def call(self, x):
        length, half = ops.shape(x)[1], x.shape[-1] // 2
        angle = ops.reshape(ops.cast(ops.arange(length), "float32"), (1, length, 1, 1)) * 0.1
        first, second = x[..., :half], x[..., half:]
        turned = ops.concatenate([-second, first], axis=-1)
        return x * ops.cos(angle) + turned * ops.sin(angle)


class Attention(layers.Layer):
    """Attention of groups with rotary positions, as a language model has it."""

    def __init__(self, heads, groups, size, **options):
        super().__init__(**options)
        self.heads, self.groups, self.size = heads, groups, size
        self.query, self.key, self.value = (
            layers.EinsumDense("abc,cde->abde", (None, number, size)) for number in (heads, groups, groups)
        )
        self.rotary = Rotary()

    def build(self, shape):
        for part in (self.query, self.key, self.value):
            part.build(shape)
        self.back = layers.EinsumDense("abde,dec->abc", (None, shape[-1]))
        self.back.build((*shape[:-1], self.heads, self.size))

    def call(self, x):
        q, k = self.rotary(self.query(x)), self.rotary(self.key(x))
        k, v = (ops.repeat(part, self.heads // self.groups, axis=2) for part in (k, self.value(x)))
        scores = ops.einsum("bqhd,bkhd->bhqk", q, k) * self.size**-0.5
        length = ops.shape(scores)[-1]
        scores = ops.where(ops.tril(ops.ones((length, length), "bool")), scores, -1e9)
        return self.back(ops.einsum("bhqk,bkhd->bqhd", ops.softmax(scores), v))


class Norm(layers.Layer):
    """A root mean square norm by hand, with one more than its factor, as Gemma has it."""

    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], name="scale")

    def call(self, x):
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6) * (1 + self.scale)


def decoder():
    tokens = keras.Input((7,), dtype="int32")
    x = layers.Embedding(30, 24, name="embedding")(tokens)
    for _ in range(2):
        x = x + Attention(4, 2, 6)(layers.RMSNormalization()(x))
        h = Norm()(x)
        x = x + layers.Dense(24)(layers.Dense(40, "silu")(h) * layers.Dense(40)(h))
    return keras.Model(tokens, layers.Dense(30, name="logits")(layers.RMSNormalization()(x)))


class Tokens(layers.Layer):
    """A class token in front, and positions."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")
        self.place = self.add_weight(shape=(1, shape[1] + 1, shape[-1]), name="place")

    def call(self, x):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1) + self.place


def vision_transformer():
    image = keras.Input((8, 8, 3))
    x = Tokens()(layers.Reshape((4, 24))(layers.Conv2D(24, 4, 4, name="patches")(image)))
    for _ in range(2):
        qkv = ops.reshape(layers.Dense(72)(layers.LayerNormalization()(x)), (-1, 5, 3, 4, 6))
        mixed = attend(*ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), 3, axis=0))
        x = x + layers.Dense(24)(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, 5, 24)))
        x = x + layers.Dense(24)(layers.Dense(40, "gelu")(layers.LayerNormalization()(x)))
    return keras.Model(image, layers.Dense(10)(layers.LayerNormalization()(x)[:, 0]))


@pytest.mark.parametrize(("make", "stream"), [(decoder, "embedding"), (vision_transformer, "patches")])
def test_the_residual_width_of_a_transformer_goes_exactly(make, stream, tmp_path):
    model = make()
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    assert next(group for group in graph.groups if stream in group.makers).frozen is None, str(graph)
    assert [group.name for group in graph.groups if group.frozen is not None] == [model.layers[-1].name]
    keep = kp.select(graph, kp.score(model, graph, "magnitude"), kp.Budget(flops=0.5))
    small = kp.slim(model, graph, keep)
    assert kp.verify(model, graph, keep, small) < 1e-5
    small.save(tmp_path / "small.keras")
    again = keras.models.load_model(tmp_path / "small.keras")
    kp.verify(model, graph, keep, again)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends export in a child process")
def test_what_is_left_of_a_vision_transformer_is_exported(tmp_path):
    model = vision_transformer()
    graph = kp.trace(model)
    small = kp.slim(model, graph, random_keep(graph, np.random.default_rng(0)))
    exported = kp.export(small, tmp_path / "small.tflite")
    kp.export(model, tmp_path / "model.tflite")
    assert exported.path.stat().st_size < (tmp_path / "model.tflite").stat().st_size


class Windows(layers.Layer):
    """Attention within windows of a picture, which go into the axis of the samples and come back."""

    def __init__(self, side, heads, **options):
        super().__init__(**options)
        self.side, self.heads = side, heads
        self.fused = layers.Dense(3 * heads * SIZE)

    def build(self, shape):
        self.fused.build((None, self.side**2, shape[-1]))
        self.back = layers.Dense(shape[-1])
        self.back.build((None, self.side**2, self.heads * SIZE))
        self.table = self.add_weight(shape=(2 * self.side - 1, self.heads), name="table")

    def call(self, x):
        batch, (height, width, channels), side = ops.shape(x)[0], x.shape[1:], self.side
        x = ops.reshape(x, (batch, height // side, side, width // side, side, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, side * side, channels))
        qkv = ops.transpose(ops.reshape(self.fused(x), (-1, side * side, 3, self.heads, SIZE)), (2, 0, 3, 1, 4))
        row = np.arange(side * side) // side
        bias = ops.transpose(ops.take(self.table, row[:, None] - row[None] + side - 1, axis=0), (2, 0, 1))
        scores = ops.matmul(qkv[0] * SIZE**-0.5, ops.swapaxes(qkv[1], -1, -2)) + ops.expand_dims(bias, 0)
        x = ops.transpose(ops.matmul(ops.softmax(scores), qkv[2]), (0, 2, 1, 3))
        x = self.back(ops.reshape(x, (-1, side * side, self.heads * SIZE)))
        x = ops.reshape(x, (-1, height // side, width // side, side, side, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, height, width, channels))


def test_heads_of_a_window_attention_go_and_the_width_around_it():
    x = keras.Input((4, 4, 3))
    h = layers.Conv2D(14, 1, name="conv")(x)
    model = keras.Model(x, layers.Dense(3, name="out")(h + Windows(2, HEADS)(layers.LayerNormalization()(h))))
    graph = kp.trace(model)
    assert [group.name for group in graph.groups if group.frozen is not None] == ["out"], str(graph)
    assert HEADS in [group.width for group in graph.free_groups]
    assert_slims_right(model, np.random.default_rng(0))
