"""Layers that compute with weights of their own, by `keras.ops`."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph import unroll
from kerasprune.graph.own_weight import OwnWeight
from tests.backends import numbers
from tests.laws.check_slim import assert_slims_right
from tests.laws.random_models import random_keep, randomize

pytestmark = pytest.mark.backend

layers = keras.layers
ops = keras.ops


class Own(layers.Layer):
    """A layer of weights, by their shapes as a function of the input's, and a function of the input and of them."""

    def __init__(self, shapes, function, **options):
        super().__init__(**options)
        self.shapes = shapes
        self.function = function

    def build(self, shape):
        self.tables = [self.add_weight(shape=size, name=f"table_{n}") for n, size in enumerate(self.shapes(shape))]

    def call(self, x):
        return self.function(x, *self.tables)


def batch(x):
    return ops.shape(x)[0]


def experts(x, gate, up, down):
    weights = ops.softmax(ops.matmul(x, gate))  # (batch, n, experts)
    inside = ops.relu(ops.einsum("bnc,ecf->bnef", x, up))
    return ops.einsum("bne,bnef,efd->bnd", weights, inside, down)


def heads_by_matmul(x, query, key, value, out):
    q, k, v = (ops.einsum("bnc,chd->bhnd", x, w) for w in (query, key, value))
    mixed = ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2))), v)
    return ops.einsum("bhnd,hdc->bnc", mixed, out)


def biased_heads(x, query, key, bias, out):
    q, k = (ops.einsum("bnc,chd->bhnd", x, w) for w in (query, key))
    index = np.abs(np.arange(5)[:, None] - np.arange(5)[None])
    relative = ops.transpose(ops.take(bias, index, axis=0), (2, 0, 1))  # (heads, n, n)
    return ops.einsum("bhnm,bmc,hcd->bnd", ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) + relative), x, out)


def with_token(token):
    return lambda x, first, place: ops.concatenate([token(x, first), x], axis=1) + place


def token_shapes(shape):
    return [(1, 1, shape[-1]), (1, shape[1] + 1, shape[-1])]


CASES = {
    "a factor per channel": (lambda s: [s[-1:]], lambda x, w: x * w),
    "a factor in front": (lambda s: [s[-1:]], lambda x, w: w * x),
    "one more than a factor": (lambda s: [s[-1:]], lambda x, w: x * (1 + w)),
    "a factor with all axes": (lambda s: [(1, 1, s[-1])], lambda x, w: x * w),
    "factor and shift": (lambda s: [s[-1:]] * 2, lambda x, w, b: x * w + b),
    "a factor used twice": (lambda s: [s[-1:]], lambda x, w: ops.tanh(x * w) * w),
    "a scalar": (lambda s: [(1,)], lambda x, w: x * w),
    "a norm by hand": (
        lambda s: [s[-1:]],
        lambda x, w: x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 0.1) * w,
    ),
    "the operation of a norm": (lambda s: [s[-1:]], lambda x, w: ops.rms_normalization(x, w, epsilon=0.1)),
    "layer normalization": (lambda s: [s[-1:]] * 2, lambda x, w, b: ops.layer_normalization(x, w, b, epsilon=0.1)),
    "a matrix": (lambda s: [(s[-1], 9), (9,)], lambda x, w, b: ops.matmul(x, w) + b),
    "a matrix, transposed": (lambda s: [(9, s[-1])], lambda x, w: ops.matmul(x, ops.transpose(w))),
    "einsum": (lambda s: [(s[-1], 9)], lambda x, w: ops.einsum("bnc,cd->bnd", x, w)),
    "einsum with the weight first": (lambda s: [(s[-1], 9)], lambda x, w: ops.einsum("cd,bnc->bnd", w, x)),
    "einsum with an ellipsis": (lambda s: [(s[-1], 9)], lambda x, w: ops.einsum("...c,cd->...d", x, w)),
    "tensordot": (lambda s: [(s[-1], 9)], lambda x, w: ops.tensordot(x, w, axes=1)),
    "dot": (lambda s: [(s[-1], 9)], lambda x, w: ops.dot(x, w)),
    "two matrices": (lambda s: [(s[-1], 12), (12, 9)], lambda x, v, w: ops.matmul(ops.relu(ops.matmul(x, v)), w)),
    "a product of matrices": (lambda s: [(s[-1], 12), (12, 9)], lambda x, v, w: ops.matmul(x, ops.matmul(v, w))),
    "a convolution": (lambda s: [(3, s[-1], 9)], lambda x, w: ops.conv(x, w, padding="same")),
    "positions": (lambda s: [s[1:]], lambda x, w: x + w),
    "positions, sliced": (lambda s: [(9, s[-1])], lambda x, w: x + w[: x.shape[1]]),
    "a token by broadcasting": (token_shapes, with_token(lambda x, t: ops.broadcast_to(t, (batch(x), 1, x.shape[-1])))),
    "a token by tiling": (token_shapes, with_token(lambda x, t: ops.tile(t, (batch(x), 1, 1)))),
    "a token by repeating": (token_shapes, with_token(lambda x, t: ops.repeat(t, batch(x), axis=0))),
    "a token by zeros": (token_shapes, with_token(lambda x, t: t + ops.zeros_like(x[:, :1]))),
    "experts": (lambda s: [(s[-1], 3), (3, s[-1], 8), (3, 8, 9)], experts),
    "heads": (lambda s: [(s[-1], 3, 4)] * 3 + [(3, 4, s[-1])], heads_by_matmul),
    "relative biases": (lambda s: [(s[-1], 3, 4)] * 2 + [(5, 3), (3, s[-1], 6)], biased_heads),
}


def model_with(shapes, function) -> keras.Model:
    x = keras.Input((5, 7))
    h = Own(shapes, function, name="own")(layers.Dense(16, name="before")(x))
    model = keras.Model(x, layers.Dense(3, name="out")(h))
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.parametrize("name", CASES)
def test_channels_that_meet_own_weights_go(name):
    model = model_with(*CASES[name])
    graph = kp.trace(model)
    assert next(group for group in graph.groups if "before" in group.makers).frozen is None, str(graph)
    for seed in range(3):
        assert_slims_right(model, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("name", "width"), [("a matrix", 9), ("a matrix, transposed", 9), ("tensordot", 9), ("experts", 8), ("heads", 3)]
)
def test_own_weights_make_channels(name, width):
    graph = kp.trace(model_with(*CASES[name]))
    assert any(group.width == width and "own" in group.name and group.frozen is None for group in graph.groups)


def test_places_of_a_table_are_no_channels():
    graph = kp.trace(model_with(*CASES["positions"]))
    assert [group.width for group in graph.groups] == [16, 3]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a factor per channel", layers.EinsumDense), ("a matrix", layers.Dense), ("einsum", layers.EinsumDense)],
)
def test_a_stock_layer_holds_what_it_can(name, kind):
    flat = unroll(model_with(*CASES[name]))
    assert type(flat.get_layer("own_table_0")) is kind


def test_what_no_stock_layer_holds_is_saved_and_loaded_with_one_of_ours(tmp_path):
    model = model_with(*CASES["a token by tiling"])
    graph = kp.trace(model)
    small = kp.slim(model, graph, random_keep(graph, np.random.default_rng(0)))
    assert sum(isinstance(layer, OwnWeight) for layer in small.layers) == 2
    small.save(tmp_path / "small.keras")
    x = np.random.default_rng(2).standard_normal((4, 5, 7)).astype("float32")
    again = keras.models.load_model(tmp_path / "small.keras")
    np.testing.assert_allclose(numbers(again(x)), numbers(small(x)), rtol=1e-5, atol=1e-6)


def test_weights_train_under_the_settings_they_had():
    class Factor(layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(
                shape=shape[-1:], regularizer=keras.regularizers.L2(0.1), constraint="non_neg", initializer="ones"
            )
            self.fixed = self.add_weight(shape=(1, *shape[1:]), trainable=False, initializer="ones")

        def call(self, x):
            return x * self.factor + self.fixed

    x = keras.Input((5, 7))
    model = keras.Model(x, Factor(name="own")(layers.Dense(16)(x)))
    flat = unroll(model)
    assert flat.count_params() == model.count_params()
    assert len(flat.trainable_weights) == len(model.trainable_weights) == 3
    np.testing.assert_allclose(*(numbers(sum(each.losses)) for each in (flat, model)), rtol=1e-6)
    assert flat.get_layer("own_factor").kernel.constraint is not None
    flat.compile("sgd", "mse")
    flat.fit(np.ones((4, 5, 7)), np.zeros((4, 5, 16)), verbose=0)


def test_a_layer_called_twice_has_its_weights_once():
    x = keras.Input((5, 7))
    own = Own(lambda s: [s[-1:], (1, *s[1:])], lambda x, w, p: x * w + p)
    model = keras.Model(x, layers.Dense(3)(own(layers.Dense(16)(x)) + own(ops.relu(layers.Dense(16)(x)))))
    assert unroll(model).count_params() == model.count_params()
    assert assert_slims_right(model, np.random.default_rng(0)) > 0.7


def test_a_layer_inside_a_layer_is_taken_apart_too():
    class Outer(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = Own(lambda s: [s[-1:]], lambda x, w: x * w)

        def build(self, shape):
            self.inner.build(shape)
            self.shift = self.add_weight(shape=shape[-1:])

        def call(self, x):
            return self.inner(x) + self.shift

    x = keras.Input((5, 7))
    model = keras.Model(x, layers.Dense(3)(Outer()(layers.Dense(16)(x))))
    assert assert_slims_right(model, np.random.default_rng(0)) > 0.7


def test_a_subclass_of_a_stock_layer_with_a_call_of_its_own():
    class Halved(layers.Dense):
        def call(self, x):
            return ops.matmul(x, self.kernel) * 0.5 + self.bias

    x = keras.Input((7,))
    model = keras.Model(x, layers.Dense(3)(Halved(16)(x)))
    assert assert_slims_right(model, np.random.default_rng(0)) > 0.7


def test_a_weight_that_changes_during_the_call_keeps_the_layer_whole():
    class Counts(layers.Layer):
        def build(self, shape):
            self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros")

        def call(self, x):
            self.calls.assign_add(1.0)
            return x * self.calls

    x = keras.Input((7,))
    model = keras.Model(x, layers.Dense(3)(Counts(name="counts")(layers.Dense(16, name="before")(x))))
    graph = kp.trace(model)
    assert "`counts` is a Counts" in graph.groups[0].frozen
    assert "assign_add" in graph.groups[0].frozen


def test_a_layer_that_uses_its_weight_differently_at_each_call_stays_whole():
    x, y = keras.Input((5, 7)), keras.Input((4, 7))
    own = Own(lambda s: [(s[-1], 9)], lambda x, w: ops.einsum("bnc,cd->bnd", x, w), name="own")
    model = keras.Model([x, y], [layers.Dense(3)(own(x)), layers.Dense(3)(own(y))])
    assert "in another way at each call" in kp.trace(model).declined["own"]
