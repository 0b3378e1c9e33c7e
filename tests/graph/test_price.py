"""What stays whole is counted by what it computes, so that a budget is met only truly."""

import keras
import numpy as np
import pytest

import kerasprune as kp

layers, ops = keras.layers, keras.ops


class Whole(layers.Layer):
    """A layer that sorts what comes in, and stays whole because it has an activity regularizer."""

    def __init__(self, **options):
        super().__init__(activity_regularizer="l2", **options)
        self.make()

    def call(self, x):
        return self.compute(ops.sort(x, axis=-1))

    def compute_output_shape(self, input_shape):
        return input_shape

    def make(self):
        self.w = self.add_weight(shape=(8, 8))
        self.v = self.add_weight(shape=(8, 8))


class Products(Whole):
    def compute(self, x):
        return ops.sort(ops.matmul(x, self.w), axis=-1)


class ProductsOfWeights(Whole):
    def compute(self, x):
        return ops.sort(ops.einsum("...c,cd->...d", x, ops.matmul(self.w, self.v)), axis=-1)


class Convolution(Whole):
    def make(self):
        self.w = self.add_weight(shape=(3, 8, 8))

    def compute(self, x):
        return ops.sort(ops.conv(x, self.w, padding="same"), axis=-1)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


class Depthwise(Convolution):
    def make(self):
        self.w = self.add_weight(shape=(3, 8, 1))

    def compute(self, x):
        return ops.sort(ops.depthwise_conv(x, self.w, padding="same"), axis=-1)


class Sublayers(Whole):
    def make(self):
        self.parts = [layers.Dense(16, "relu"), layers.Dense(8)]
        self.factor = self.add_weight(shape=(8,))

    def compute(self, x):
        return ops.sort(self.parts[1](self.parts[0](x)), axis=-1) * self.factor


class Nested(Whole):
    def make(self):
        self.inner = Products()
        self.factor = self.add_weight(shape=(8,))

    def compute(self, x):
        return ops.sort(self.inner(x) + self.inner(x), axis=-1) * self.factor


@pytest.mark.parametrize(
    ("kind", "shape", "macs"),
    [
        (Products, (8,), 64),
        (Products, (5, 8), 5 * 64),
        (Products, (5, 4, 8), 20 * 64),
        (ProductsOfWeights, (5, 8), 512 + 5 * 64),
        (Convolution, (10, 8), 10 * 3 * 64),
        (Depthwise, (10, 8), 10 * 3 * 8),
        (Sublayers, (5, 8), 5 * 256),
        (Nested, (5, 8), 2 * 5 * 64),
    ],
)
def test_a_layer_that_stays_whole_costs_what_it_computes(kind, shape, macs):
    x = keras.Input(shape)
    model = keras.Model(x, kind(name="whole")(x))
    graph = kp.trace(model)
    assert graph.macs() == macs
    assert graph.params() == model.count_params()
    with pytest.raises(kp.BudgetError, match="'whole' holds 100.0 %"):
        kp.select(graph, np.ones(graph.num_ids), kp.Budget(flops=0.5))


def test_under_time_distributed_it_costs_as_much_at_every_step():
    x = keras.Input((7, 8))
    graph = kp.trace(keras.Model(x, layers.TimeDistributed(Products())(x)))
    assert graph.macs() == 7 * 64


class Cell(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = self.state_size = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units))
        self.u = self.add_weight(shape=(self.units, self.units))

    def call(self, x, states, training=False):
        h = ops.tanh(ops.matmul(x, self.w) + ops.matmul(states[0], self.u))
        return h, [h]


def test_a_cell_of_ones_own_costs_as_much_at_every_step():
    x = keras.Input((5, 4))
    assert kp.trace(keras.Model(x, layers.RNN(Cell(6))(x))).macs() == 5 * (24 + 36)


def test_in_a_sequential_and_called_twice():
    x = keras.Input((8,))
    inside = keras.Sequential([keras.Input((8,)), Products(), layers.Dense(8)])
    assert kp.trace(keras.Model(x, inside(inside(x)))).macs() == 4 * 64


def test_at_the_size_that_is_asked_for():
    x = keras.Input((None, 8))
    model = keras.Model(x, Products()(x))
    assert kp.trace(model, input_shape=(11, 8)).macs() == 11 * 64


def test_what_cannot_be_counted_is_said():
    class Opaque(Whole):
        def compute(self, x):
            return ops.convert_to_tensor(np.sort(ops.convert_to_numpy(x)))

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, dtype=x.dtype)

    x = keras.Input((8,))
    graph = kp.trace(keras.Model(x, Opaque(name="opaque")(layers.Dense(8)(x))))
    assert "what it multiplies is not counted" in graph.declined["opaque"]


@pytest.mark.parametrize("length", [65, 127, 3000])
def test_a_first_kernel_may_be_longer_than_the_usual_size(length):
    x = keras.Input((None, 1))
    model = keras.Model(x, layers.Conv1D(4, 3)(layers.Conv1D(16, length, strides=16, activation="relu")(x)))
    graph = kp.trace(model)
    assert graph.input_shapes[0][1] >= length
    assert graph.macs() > 16 * length
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[::2]] = False
    kp.verify(model, graph, keep, kp.slim(model, graph, keep))


def test_a_size_that_does_not_fit_is_an_error_in_words():
    x = keras.Input((None, 1))
    model = keras.Model(x, layers.Conv1D(4, 9)(x))
    with pytest.raises(kp.GraphError, match=r"input_shape=\(5, 1\)"):
        kp.trace(model, input_shape=(5, 1))
