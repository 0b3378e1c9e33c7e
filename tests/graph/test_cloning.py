"""Layers are made anew as people write them, computing the same, with nothing in common with the user's model."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import Batch
from kerasprune.graph import clone_operation
from tests.laws.random_models import randomize

pytestmark = pytest.mark.backend

layers, ops = keras.layers, keras.ops


class Own(layers.Layer):
    """A layer that cannot be taken apart, with a weight of its own."""

    def add_factor(self, width):
        self.factor = self.add_weight(shape=(width,), initializer="ones", name="factor")

    def call(self, x):
        return ops.sort(x, axis=-1) * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape


class WithoutOptions(Own):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.add_factor(width)


class WithoutConfiguration(Own):
    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function

    def build(self, shape):
        self.add_factor(shape[-1])

    def call(self, x):
        return self.function(super().call(x))


class WithConfigurationThatRaises(WithoutConfiguration):
    def get_config(self):
        raise RuntimeError("not today")


class WithIncompleteConfiguration(Own):
    def __init__(self, power=1.0, **options):
        super().__init__(**options)
        self.power = power

    def build(self, shape):
        self.add_factor(shape[-1])

    def call(self, x):
        return super().call(x) * self.power

    def get_config(self):
        return super().get_config()


class WithAPartThatItsConfigurationForgets(Own):
    """What the constructor makes of its argument is what the configuration says; made from that, there is no part."""

    def __init__(self, bias=None, **options):
        super().__init__(**options)
        self.part = layers.Rescaling(2.0, offset=1.0) if bias is None else None
        self.bias = True

    def build(self, shape):
        self.add_factor(shape[-1])

    def call(self, x):
        return super().call(x if self.part is None else self.part(x))

    def get_config(self):
        return {**super().get_config(), "bias": self.bias}


class UnderAnotherName(WithIncompleteConfiguration):
    def __init__(self, twice=1.0, **options):
        super().__init__(power=twice / 2, **options)


class WithPositionalArguments(Own):
    def __init__(self, width, /, *parts):
        super().__init__()
        self.parts = parts
        self.add_factor(width + sum(parts))


class WithContainers(Own):
    def __init__(self):
        super().__init__(name="containers")
        self.parts = [layers.Dense(6, name="first"), (layers.Dense(6, name="second"), 3)]
        self.named = {"scale": self.add_weight(shape=(6,), initializer="ones", name="scale")}

    def build(self, shape):
        self.parts[0].build(shape)
        self.parts[1][0].build(shape)

    def call(self, x):
        return ops.sort(self.parts[1][0](self.parts[0](x)), axis=-1) * self.named["scale"]


class WithAClosure(Own):
    def __init__(self, width):
        super().__init__()
        self.add_factor(width)
        factor = self.factor
        self.function = lambda x: ops.sort(x, axis=-1) * factor
        self.method = self.double

    def double(self, x):
        return 2 * self.function(x)

    def call(self, x):
        return self.method(x)


class WithAHelper(Own):
    def __init__(self, width):
        super().__init__()
        self.add_factor(width)
        self.helper = Helper(self.factor)

    def call(self, x):
        return self.helper(x)


class Helper:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return ops.sort(x, axis=-1) * self.factor


class WithRandomNumbers(Own):
    def __init__(self, width):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(3)
        self.add_factor(width)

    def call(self, x, training=False):
        return super().call(x + keras.random.normal(ops.shape(x), seed=self.seeds) if training else x)


MAKERS = {
    "no options": lambda: WithoutOptions(6),
    "no configuration": lambda: WithoutConfiguration(ops.tanh),
    "a lambda": lambda: WithoutConfiguration(lambda x: x * ops.sigmoid(x)),
    "a configuration that raises": lambda: WithConfigurationThatRaises(ops.tanh),
    "an incomplete configuration": lambda: WithIncompleteConfiguration(0.5),
    "a part that the configuration forgets": WithAPartThatItsConfigurationForgets,
    "an argument kept under another name": lambda: UnderAnotherName(3.0),
    "positional arguments": lambda: WithPositionalArguments(1, 2, 3),
    "containers": WithContainers,
    "a closure": lambda: WithAClosure(6),
    "a helper": lambda: WithAHelper(6),
    "random numbers": lambda: WithRandomNumbers(6),
}


class Block(layers.Layer):
    """A layer that is taken apart, around one that is not."""

    def __init__(self, inner):
        super().__init__(name="block")
        self.up, self.inner, self.down = layers.Dense(6), inner, layers.Dense(6)

    def build(self, shape):
        for part in (self.up, self.inner, self.down):
            part.build((*shape[:-1], 6))

    def call(self, x):
        return x + self.down(self.inner(self.up(x)))


def alone(layer, x):
    return layer(x)


def called_twice(layer, x):
    return layer(x) + layer(layers.Dense(6)(x))


def in_a_sequential(layer, x):
    return keras.Sequential([keras.Input((6,)), layer, layers.Dense(6)])(x)


def in_a_block(layer, x):
    return Block(layer)(x)


def over_time(layer, x):
    return layers.Flatten()(layers.TimeDistributed(layer)(layers.Reshape((2, 6))(layers.Dense(12)(x))))


PLACES = [alone, called_twice, in_a_sequential, in_a_block, over_time]


def model_with(layer, place=alone) -> keras.Model:
    x = keras.Input((5,))
    y = place(layer, layers.Dense(6)(layers.Dense(16, "relu", name="hidden")(x)))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model, np.random.default_rng(0))
    return model


def assert_makes_another(model: keras.Model) -> keras.Model:
    """Half of the hidden channels go; the result is right, trains, and leaves the model as it was."""
    graph = kp.trace(model)
    keep = graph.keep_all()
    group = next(group for group in graph.free_groups if group.name == "hidden")
    keep[group.ids[::2]] = False
    small = kp.slim(model, graph, keep)
    kp.verify(model, graph, keep, small)
    assert small.count_params() == graph.params(graph.complete(keep))
    assert not {id(variable) for variable in small.variables} & {id(variable) for variable in model.variables}
    before = [np.array(value) for value in model.get_weights()]
    x, y = np.ones((4, 5), "float32"), np.ones((4, *small.output_shape[1:]), "float32")
    small.compile("sgd", "mse")
    small.fit(x, y, verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    return small


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_layer_as_people_write_it(kind, place):
    model = model_with(MAKERS[kind](), place)
    small = assert_makes_another(model)
    assert len(small.trainable_variables) >= 6


@pytest.mark.parametrize("kind", MAKERS)
def test_the_weights_are_found_again_by_structure(kind, tmp_path):
    model = model_with(MAKERS[kind]())
    small = kp.slim(model, *_everything(model))
    small.save_weights(tmp_path / "small.weights.h5")
    again = kp.slim(model, *_everything(model))
    for variable in again.weights:
        variable.assign(ops.zeros(variable.shape))
    again.load_weights(tmp_path / "small.weights.h5")
    x = np.random.default_rng(0).random((3, 5), "float32")
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (again(x), small(x))), atol=1e-6)


def _everything(model):
    graph = kp.trace(model)
    return graph, graph.keep_all()


FUNCTIONS = [ops.gelu, keras.activations.gelu, lambda x: x * ops.sigmoid(x)]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda function: layers.Dense(4, activation=function),
        lambda function: layers.Activation(function),
        lambda function: layers.Conv1D(4, 3, activation=function),
        lambda function: layers.LSTM(4, activation=function),
        lambda function: layers.TimeDistributed(layers.Dense(4, activation=function)),
        lambda function: layers.RNN(layers.GRUCell(4, activation=function)),
        lambda function: layers.Lambda(function),
    ],
)
def test_the_very_function_stays(make, function):
    layer = make(function)
    clone = clone_operation("layer", layer)
    assert any(_holds(part, function) for part in clone._flatten_layers())


def _holds(layer, function) -> bool:
    return any(value is function for value in vars(layer).values())


class OwnInitializer(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype)


class OwnRegularizer(keras.regularizers.Regularizer):
    def __call__(self, x):
        return ops.sum(x)


def test_initializers_and_regularizers_that_nobody_registered_stay():
    regularizer = OwnRegularizer()
    layer = layers.Dense(4, kernel_initializer=OwnInitializer(), kernel_regularizer=regularizer)
    clone = clone_operation("layer", layer)
    assert isinstance(clone.kernel_initializer, OwnInitializer)
    assert clone.kernel_regularizer is regularizer


class Head(layers.Layer):
    """Multiplies with the table of an embedding that it holds, in the way that its options say."""

    def __init__(self, embedding, **options):
        super().__init__(**options)
        self.embedding = embedding

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.embedding.embeddings))


class HeadWithConfiguration(Head):
    def get_config(self):
        return {**super(Head, self).get_config(), "embedding": keras.saving.serialize_keras_object(self.embedding)}

    @classmethod
    def from_config(cls, config):
        embedding = keras.saving.deserialize_keras_object(config.pop("embedding"))
        return cls(embedding, **config)


class HeadUnderAnotherName(Head):
    def __init__(self, table, **options):
        super().__init__(table, **options)


@pytest.mark.parametrize("head", [Head, HeadWithConfiguration, HeadUnderAnotherName])
@pytest.mark.parametrize("table_first", [True, False])
def test_what_two_layers_hold_is_one_in_the_result(head, table_first):
    table = layers.Embedding(20, 8, name="table")
    x, z = keras.Input((6,), dtype="int32"), keras.Input((6, 8))
    if not table_first:
        table.build((None, 6))
        y = head(table, name="head")(layers.Dense(8)(layers.Dense(16, "relu", name="hidden")(z)))
        for _ in range(3):
            y = layers.Dense(8)(y)
        model = keras.Model([x, z], layers.Dense(3)(y) + layers.Dense(3)(table(x)))
    else:
        y = layers.Dense(8)(layers.Dense(16, "relu", name="hidden")(table(x)))
        model = keras.Model([x, z], head(table, name="head")(y) + layers.Dense(20)(z))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[[group.ids[0] for group in graph.free_groups]] = False
    small = kp.slim(model, graph, keep)
    kp.verify(model, graph, keep, small, [Batch([np.arange(6)[None], np.ones((1, 6, 8))])])
    assert small.get_layer("head").embedding is small.get_layer("table")
    assert small.count_params() == graph.params(keep) < model.count_params()


def test_a_wrapper_shares_what_it_holds_when_it_is_cut():
    x = keras.Input((3, 6))
    dense = layers.Dense(8, name="dense")
    y = layers.TimeDistributed(dense, name="steps")(x) + dense(x)
    model = keras.Model(x, layers.Dense(2)(y))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[:5]] = False
    small = kp.slim(model, graph, keep)
    kp.verify(model, graph, keep, small)
    assert small.get_layer("steps").layer is small.get_layer("dense")
    assert small.count_params() == graph.params(keep)
