"""Growths by layers as people write them: without configurations, with functions, with parts that stay whole."""

import math

import keras

from tests.laws.growth import WIDTHS, growth

layers = keras.layers
ops = keras.ops

FUNCTIONS = (ops.gelu, ops.tanh, keras.activations.gelu, lambda x: x * ops.sigmoid(x))


class Residual(layers.Layer):
    """A block without `get_config` whose constructor takes no options, and a function."""

    def __init__(self, width, hidden, function):
        super().__init__()
        self.up, self.down = layers.Dense(hidden, activation=function), layers.Dense(width)

    def build(self, shape):
        self.up.build(shape)
        self.down.build((*shape[:-1], self.up.units))

    def call(self, x):
        return x + self.down(self.up(x))


class Sorted(layers.Layer):
    """A layer that stays whole, with a weight of its own and a function that it does not name in a configuration."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return ops.sort(self.function(x), axis=-1) * self.factor

    def compute_output_shape(self, shape):
        return shape


class BySizes(layers.Layer):
    """A block that folds its positions into one axis, by sizes that it reads from the tensor, and unfolds them."""

    def __init__(self, hidden):
        super().__init__()
        self.dense = layers.Dense(hidden)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        sizes = ops.shape(x)
        y = ops.reshape(self.dense(x), (sizes[0], -1, self.dense.units))
        y = ops.softmax(y, axis=1)
        return ops.reshape(y, (*sizes[:-1], self.dense.units))


@growth(2, 3, 4)
def function_as_activation(pick, pool, tensor):
    return layers.Dense(pick(WIDTHS), activation=pick(FUNCTIONS))(tensor)


@growth(2, 3, 4)
def block_without_configuration(pick, pool, tensor):
    block = Residual(tensor.shape[-1], pick(WIDTHS), pick(FUNCTIONS))
    y = block(tensor)
    return block(y) if pick((False, True)) else y


@growth(2, 3, 4)
def layer_that_stays_whole(pick, pool, tensor):
    layer = Sorted(pick(FUNCTIONS))
    return layers.TimeDistributed(layer)(tensor) if len(tensor.shape) == 3 and pick((False, True)) else layer(tensor)


@growth(3, 4)
def sizes_read_from_the_tensor(pick, pool, tensor):
    return BySizes(pick(WIDTHS))(layers.Dense(4)(tensor) if tensor.sparse else tensor)


@growth(2)
def decoder(pick, pool, tensor):
    shape = pick(((3, 3, 4), (2, 2, 6), (4, 3)))
    x = layers.Dense(math.prod(shape))(tensor)
    x = layers.Reshape(shape)(pick((layers.ReLU(), layers.BatchNormalization()))(x))
    reader = layers.Conv1D if len(shape) == 2 else pick((layers.Conv2D, layers.Conv2DTranspose))
    return reader(pick(WIDTHS), 2)(x)
