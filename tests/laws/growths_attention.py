"""Growths by attention, by layers of Keras and by hand, and by subclassed layers, which are taken apart."""

import keras

from tests.laws.growth import WIDTHS, growth

layers = keras.layers
ops = keras.ops

HEADS = (1, 2, 4)


def sequences(pick, pool, tensor):
    """The tensor, or another one of the pool with samples, positions and channels."""
    return pick([tensor, *(other for other in pool if len(other.shape) == 3)])


@growth(3)
def multi_head_attention(pick, pool, tensor):
    other = sequences(pick, pool, tensor)
    scores = pick((False, False, True))
    # On JAX values must be as wide as keys, unless scores are dropped or returned.
    layer = layers.MultiHeadAttention(
        pick(HEADS),
        key_dim := pick((1, 2, 3)),
        value_dim=pick((None, key_dim)),
        dropout=pick((0.0, 0.2)),
        use_bias=pick((True, False)),
        output_shape=pick((None, None, 5)),
    )
    causal = other is tensor and pick((False, True))
    result = layer(query=tensor, value=other, return_attention_scores=scores, use_causal_mask=causal)
    return pick(result) if scores and other is tensor else result[0] if scores else result


@growth(3)
def grouped_query_attention(pick, pool, tensor):
    groups = pick((1, 2))
    layer = layers.GroupQueryAttention(pick((1, 2)), groups * pick((1, 2, 3)), groups, use_bias=pick((True, False)))
    other = pick([t for t in pool if len(t.shape) == 3 and t.shape[-1] == tensor.shape[-1]])
    return layer(tensor, other)


@growth(3)
def attention_over_two_axes(pick, pool, tensor):
    x = layers.Reshape((1, *tensor.shape[1:]))(tensor)
    x = layers.Concatenate(axis=1)([x, x])
    axes = pick(((1,), (2,), (1, 2)))
    return layers.Flatten()(layers.MultiHeadAttention(2, 2, attention_axes=axes, dropout=0.1)(x, x))


@growth(3)
def attention_without_projections(pick, pool, tensor):
    width = tensor.shape[-1]
    query, value = layers.Dense(width)(tensor), pick([tensor, layers.Dense(width)(tensor)])
    keys = pick(([], [layers.Dense(width)(tensor)]))
    kind = pick((layers.Attention, layers.AdditiveAttention))
    return kind(use_scale=pick((True, False)))([query, value, *keys])


@growth(3)
def attention_by_hand(pick, pool, tensor):
    heads, size, length = pick(HEADS), pick((1, 2, 3)), tensor.shape[1]
    q, k, v = (
        layers.EinsumDense("abc,cde->abde", (length, heads, size), bias_axes=pick((None, "de")))(tensor)
        for _ in range(3)
    )
    if pick((True, False)):
        mixed = ops.dot_product_attention(q, k, v)
    else:
        weights = layers.Softmax()(ops.einsum("abde,acde->adbc", q, k) * size**-0.5)
        mixed = ops.einsum("adbc,acde->abde", weights, v)
    if pick((True, False)):
        return layers.Reshape((length, heads * size))(mixed)
    return layers.EinsumDense("abde,def->abf", (length, pick(WIDTHS)), bias_axes="f")(mixed)


@growth(3)
def attention_by_dense_and_reshape(pick, pool, tensor):
    heads, size, length = pick(HEADS), pick((1, 2, 3)), tensor.shape[1]
    q, k, v = (
        ops.transpose(layers.Reshape((length, heads, size))(layers.Dense(heads * size)(tensor)), (0, 2, 1, 3))
        for _ in range(3)
    )
    weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * size**-0.5, axis=-1)
    mixed = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
    return layers.Dense(pick(WIDTHS))(layers.Reshape((length, heads * size))(mixed))


class Block(layers.Layer):
    """A residual block of two Dense layers around batch normalisation."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units

    def build(self, shape):
        self.wide = layers.Dense(self.units, activation="relu", name="wide")
        self.norm = layers.BatchNormalization(name="norm")
        self.back = layers.Dense(shape[-1], name="back")
        self.wide.build(shape)
        self.norm.build((*shape[:-1], self.units))
        self.back.build((*shape[:-1], self.units))
        super().build(shape)

    def call(self, x, training=None):
        return x + self.back(self.norm(self.wide(x), training=training))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Stack(layers.Layer):
    """Blocks inside a subclassed layer, one of them called twice."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.blocks = [Block(units, name="first"), Block(units, name="second")]

    def build(self, shape):
        for block in self.blocks:
            block.build(shape)
        super().build(shape)

    def call(self, x, training=None):
        for block in (*self.blocks, self.blocks[0]):
            x = ops.tanh(block(x, training=training))
        return ops.reshape(x, (ops.shape(x)[0], *x.shape[1:]))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@growth(2, 3)
def subclassed(pick, pool, tensor):
    return pick((Block, Stack))(pick(WIDTHS))(layers.Dense(4)(tensor) if tensor.sparse else tensor)


class Weighted(layers.Layer):
    """Computes with weights of its own, in one of several ways."""

    def __init__(self, kind, units, **options):
        super().__init__(**options)
        self.kind = kind
        self.units = units

    def build(self, shape):
        width = shape[-1]
        sizes = {
            "factor": [(width,)],
            "affine": [(width,), (width,)],
            "norm": [(width,)],
            "matrix": [(width, self.units), (self.units,)],
            "product": [(width, self.units), (self.units, width)],
            "places": [(1, *shape[1:])],
            "token": [(1, 1, width)],
            "softmax": [(width, self.units)],
        }
        self.tables = [self.add_weight(shape=size, name=f"table_{n}") for n, size in enumerate(sizes[self.kind])]

    def call(self, x):
        return getattr(self, f"_{self.kind}")(x, *self.tables)

    def _factor(self, x, factor):
        return x * factor

    def _affine(self, x, factor, shift):
        return factor * x + shift

    def _norm(self, x, scale):
        return x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 0.1) * (1 + scale)

    def _matrix(self, x, kernel, bias):
        return ops.tanh(ops.matmul(x, kernel) + bias)

    def _product(self, x, first, second):
        return ops.einsum("bnc,cd->bnd", x, ops.matmul(first, second))

    def _places(self, x, table):
        return x + table

    def _token(self, x, token):
        return ops.concatenate([ops.broadcast_to(token, (ops.shape(x)[0], 1, x.shape[-1])), x], axis=1)

    def _softmax(self, x, kernel):
        return ops.tensordot(x, ops.softmax(kernel, axis=-1), axes=1)


@growth(3)
def weights_of_its_own(pick, pool, tensor):
    kinds = ("factor", "affine", "norm", "matrix", "product", "places", "token", "softmax")
    layer = Weighted(pick(kinds), pick(WIDTHS))
    result = layer(tensor)
    return layer(result) if result.shape == tensor.shape and pick((True, False)) else result


@growth(3)
def fused_attention(pick, pool, tensor):
    heads, size, length = pick(HEADS), pick((1, 2, 3)), tensor.shape[1]
    order = pick((("three", "heads"), ("heads", "three")))
    axes = {"three": 3, "heads": heads}
    fused = ops.reshape(layers.Dense(3 * heads * size)(tensor), (-1, length, *(axes[name] for name in order), size))
    place = 2 + order.index("three")
    taken = pick(("unstack", "index", "split"))
    if taken == "unstack":
        q, k, v = ops.unstack(fused, 3, axis=place)
    elif taken == "index":
        q, k, v = (fused[(slice(None),) * place + (number,)] for number in range(3))
    else:
        q, k, v = (ops.squeeze(part, place) for part in ops.split(fused, 3, axis=place))
    if pick((True, False)):
        q, k = (layers.RMSNormalization()(part) for part in (q, k))
    scores = ops.einsum("bnhd,bmhd->bhnm", q, k)
    if pick((True, False)):
        scores = 5.0 * ops.tanh(scores / 5.0)  # a soft cap
    mixed = ops.einsum("bhnm,bmhd->bnhd", ops.softmax(scores), v)
    return ops.reshape(mixed, (-1, length, heads * size))
