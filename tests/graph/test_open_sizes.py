"""Models that leave sizes open: what reads a size is traced for all sizes, and priced at one that works."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph.reshape_like import ReshapeLike
from tests.backends import numbers
from tests.laws.random_models import randomize

layers, ops = keras.layers, keras.ops


class Block(layers.Layer):
    """A layer around a product with a kernel, made of `compute`."""

    def __init__(self, width=8, inner=None, **options):
        super().__init__(**options)
        self.width = width
        self.up, self.down = layers.Dense(12, "relu", name="up"), layers.Dense(width, name="down")
        self.inner = inner

    def build(self, shape):
        self.up.build(shape)
        self.down.build((*shape[:-1], 12))
        if self.inner is not None:
            self.inner.build(shape)

    def call(self, x):
        return self.compute(x)


class PairsOfPositions(Block):
    def compute(self, x):
        shape = ops.shape(x)
        y = ops.softmax(ops.reshape(self.down(self.up(x)), (shape[0], -1, self.width)), axis=1)
        return x + ops.reshape(y, (shape[0], shape[1], shape[2], self.width))


class ProductOfSizes(Block):
    def compute(self, x):
        batch, height, width = ops.shape(x)[:3]
        y = ops.reshape(self.up(x), (-1, height * width, 12))
        return x + self.down(ops.reshape(ops.tanh(y), (batch, height, width, 12)))


class WithoutTheBatch(Block):
    def compute(self, x):
        batch, height, width = ops.shape(x)[:3]
        y = self.up(ops.reshape(x, (batch * height, width, self.width)))
        return ops.reshape(self.down(y), (batch, height, width, self.width))


class Nested(Block):
    def compute(self, x):
        height, width = ops.shape(x)[1:3]
        y = ops.reshape(x, (-1, height, width, self.width))
        return self.down(self.up(self.inner(y)))


BLOCKS = [
    PairsOfPositions,
    ProductOfSizes,
    WithoutTheBatch,
    lambda: Nested(inner=PairsOfPositions()),
    lambda: Nested(inner=Nested(inner=ProductOfSizes())),
]


def image_model(block, calls=1) -> keras.Model:
    x = keras.Input((None, None, 3))
    h = layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(calls):
        h = block(h)
    model = keras.Model(x, layers.Conv2D(2, 1)(h))
    randomize(model, np.random.default_rng(0))
    return model


def assert_slims_at_any_size(model: keras.Model, sizes) -> None:
    graph = kp.trace(model, input_shape=sizes[0])
    assert graph.free_groups, str(graph)
    keep = graph.keep_all()
    keep[[group.ids[0] for group in graph.free_groups]] = False
    small = kp.slim(model, graph, keep)
    masked = kp.masked(model, graph, keep)
    for size in sizes:
        x = np.random.default_rng(0).random((2, *size), "float32")
        assert np.allclose(numbers(small(x)), numbers(masked(x)), atol=1e-4)
    assert small.count_params() == graph.params(keep) < model.count_params()


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("make", BLOCKS)
def test_sizes_that_are_read_from_the_tensor(make, calls):
    model = image_model(make(), calls)
    assert not kp.trace(model).declined
    assert_slims_at_any_size(model, [(6, 7, 3), (9, 4, 3)])


def test_what_depends_on_a_size_in_another_way_stays_whole_with_the_reason():
    class Grows(Block):
        def compute(self, x):
            return self.down(self.up(x)) * ops.cast(ops.shape(x)[2], x.dtype)

    graph = kp.trace(image_model(Grows(name="grows")))
    assert "open" in graph.declined["grows"]


def by_columns(self, x):
    return self.down(self.up(x)) + ops.cast(ops.arange(ops.shape(x)[2]), x.dtype)[:, None]


def by_more_columns(self, x):
    return self.down(self.up(x)) + ops.cast(ops.arange(1, ops.shape(x)[2] + 1), x.dtype)[:, None]


@pytest.mark.parametrize("compute", [by_columns, by_more_columns])
def test_what_is_made_of_sizes_is_made_again(compute, tmp_path):
    model = image_model(type("Sized", (Block,), {"compute": compute})(name="sized"))
    graph = kp.trace(model)
    assert not graph.declined
    assert_slims_at_any_size(model, [(6, 9, 3), (9, 5, 3)])
    flat = kp.unroll(model)
    flat.save(tmp_path / "flat.keras")
    x = np.random.default_rng(0).random((2, 5, 10, 3), "float32")
    assert np.allclose(keras.models.load_model(tmp_path / "flat.keras")(x), model(x), atol=1e-5)


@pytest.mark.parametrize("shape", [(None, 4), (None, None, 4)])
def test_one_open_size_needs_no_layer_of_ours(shape):
    class Same(Block):
        def compute(self, x):
            return ops.reshape(self.down(self.up(x)), (-1, *ops.shape(x)[1:]))

    x = keras.Input(shape)
    flat = kp.unroll(keras.Model(x, Same(4)(x)))
    assert any(isinstance(layer, ReshapeLike) for layer in flat.layers) is (len(shape) > 2)


def test_a_reshape_like_another_tensor_is_saved(tmp_path):
    x, y = keras.Input((None, 4)), keras.Input((None, None, 4))
    model = keras.Model([x, y], ReshapeLike((None, None, None, 4), (0, 1, 2))([x, y]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert tuple(again([np.ones((2, 6, 4)), np.ones((2, 3, 2, 4))]).shape) == (2, 3, 2, 4)
    with pytest.raises(ValueError, match="one entry for every None"):
        ReshapeLike((None, 4), ())


def test_a_mask_by_distance_is_made_again():
    class Causal(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.up, self.down = layers.Dense(12, name="up"), layers.Dense(8, name="down")

        def build(self, shape):
            self.up.build(shape)
            self.down.build((*shape[:-1], 12))

        def call(self, x):
            length = ops.shape(x)[1]
            mask = ops.numpy.tril(ops.numpy.ones((length, length)), k=2)  # made by no function that is recorded
            return self.down(ops.einsum("btc,ts->bsc", self.up(x), mask))

    x = keras.Input((None, 8))
    model = keras.Model(x, layers.Dense(3)(Causal(name="causal")(x)))
    graph = kp.trace(model)
    assert not graph.declined
    assert kp.verify(model, graph, graph.keep_all(), kp.unroll(model)) < 1e-5


class Window(Block):
    """Every position reads those that are near, by a mask that numpy makes."""

    reach = 200

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def compute(self, x):
        places = np.arange(x.shape[1])
        return self.down(self.up(ops.matmul(ops.convert_to_tensor(self.near(places[:, None] - places)), x)))

    def near(self, away):
        return (np.abs(away) < self.reach).astype("float32") / 100


class Causal(Window):
    """Every position reads the last ones, of which the window is wider than any trial."""

    def near(self, away):
        return ((away >= 0) & (away < self.reach)).astype("float32") / 100


@pytest.mark.parametrize("kind", [Window, Causal])
@pytest.mark.parametrize("reach", [200, 4096])
def test_a_window_wider_than_the_trials_is_no_mask_without_one(kind, reach):
    block = kind(name="block")
    block.reach = reach
    x = keras.Input((None, 8))
    model = keras.Model(x, layers.Dense(2)(block(x)))
    flat = kp.unroll(model)
    data = np.random.default_rng(0).normal(size=(1, 300 if reach == 200 else 4200, 8)).astype("float32")
    np.testing.assert_allclose(numbers(flat(data)), numbers(model(data)), atol=1e-4)


def test_a_causal_mask_of_numpy_goes_on_for_ever():
    block = Causal(name="block")
    block.reach = 10**6
    x = keras.Input((None, 8))
    model = keras.Model(x, layers.Dense(2)(block(x)))
    flat = kp.unroll(model)
    assert "block" not in {layer.name for layer in flat.layers}
    data = np.random.default_rng(0).normal(size=(1, 300, 8)).astype("float32")
    np.testing.assert_allclose(numbers(flat(data)), numbers(model(data)), rtol=1e-4, atol=1e-3)
