"""Subclassed models and layers, taken apart: the same function, names to recognise, and an untouched original."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.backends import numbers
from tests.laws.random_models import random_keep, randomize

pytestmark = pytest.mark.backend

layers = keras.layers
ops = keras.ops


class Block(layers.Layer):
    """A residual block that makes its parts when it is built."""

    def __init__(self, units, rate=0.1, **options):
        super().__init__(**options)
        self.units, self.rate = units, rate

    def build(self, shape):
        own = {"dtype": self.dtype_policy}
        self.wide = layers.Dense(self.units, activation="relu", name="wide", **own)
        self.norm = layers.BatchNormalization(name="norm", **own)
        self.drop = layers.Dropout(self.rate, name="drop", **own)
        self.back = layers.Dense(shape[-1], name="back", **own)
        self.wide.build(shape)
        inside = (*shape[:-1], self.units)
        self.norm.build(inside)
        self.back.build(inside)
        super().build(shape)

    def call(self, x, training=None):
        h = self.drop(self.norm(self.wide(x), training=training), training=training)
        return x + ops.tanh(self.back(h))


class Net(keras.Model):
    """Blocks in a subclassed model, one of them used twice, and a Sequential head."""

    def __init__(self, **options):
        super().__init__(**options)
        self.stem = layers.Dense(8, name="stem")
        self.blocks = [Block(6, name="first"), Block(5, name="second")]
        self.head = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3, name="out")], name="head")

    def call(self, x, training=None):
        x = self.stem(x)
        for block in (*self.blocks, self.blocks[0]):
            x = block(x, training=training)
        return self.head(x)


class Unrollable(layers.Layer):
    """Does with its input what `function` does."""

    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function
        self.dense = layers.Dense(3, name="dense")

    def build(self, shape):
        self.dense.build(shape)
        self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def call(self, x, training=None):
        return self.function(self, x, training)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 3)

    def get_config(self):
        return {**super().get_config(), "function": self.function}


@pytest.fixture
def net():
    model = Net(name="net")
    model(np.zeros((2, 5), "float32"))
    randomize(model, np.random.default_rng(0))
    return model


def in_model(layer, width=4):
    """The layer between two Dense layers."""
    x = keras.Input((width,), name="x")
    return keras.Model(x, layers.Dense(2, name="after")(layer(layers.Dense(3, name="before")(x))))


def test_a_subclassed_model_is_the_same_function_of_its_parts(net):
    flat = kp.unroll(net)
    x = np.random.default_rng(0).standard_normal((4, 5)).astype("float32")
    np.testing.assert_allclose(numbers(flat(x)), numbers(net(x)), rtol=1e-5, atol=1e-6)
    names = [layer.name for layer in flat.layers]
    assert names[:5] == ["x", "stem", "first_wide", "first_norm", "first_drop"]
    assert len(names) == len(set(names)) and "head" in names
    assert flat.count_params() == net.count_params()
    assert [layer.name for layer in kp.unroll(net).layers] == names


def test_it_is_traced_slimmed_and_verified_like_any_other(net):
    rng = np.random.default_rng(1)
    graph = kp.trace(net)
    assert {group.name for group in graph.groups} >= {"stem", "first_wide", "second_wide"}
    for _ in range(3):
        keep = random_keep(graph, rng)
        small = kp.slim(net, graph, keep)
        kp.verify(net, graph, keep, small)
        assert not [layer for layer in small.layers if isinstance(layer, Block)]
    assert kp.score(net, graph).shape == (graph.num_ids,)


def test_the_original_is_not_touched(net):
    parts = net._flatten_layers()
    before = [(dict(vars(part)), len(part._inbound_nodes), len(part._outbound_nodes)) for part in parts]
    values = [np.array(weight) for weight in net.weights]
    kp.slim(net, graph := kp.trace(net), random_keep(graph, np.random.default_rng(0)))
    after = [(dict(vars(part)), len(part._inbound_nodes), len(part._outbound_nodes)) for part in parts]
    assert before == after
    assert all(np.array_equal(*pair) for pair in zip(values, net.weights, strict=True))


def test_dropout_and_batch_norm_still_know_training_from_inference(net):
    flat = kp.unroll(net)
    x = np.ones((64, 5), "float32")
    before = np.array(flat.get_layer("first_norm").moving_mean)
    assert not np.allclose(*(numbers(flat(x, training=training)) for training in (True, False)))
    assert not np.allclose(flat.get_layer("first_norm").moving_mean, before)


def test_a_layer_without_a_rule_inside_a_functional_model_is_taken_apart():
    model = in_model(Block(7, name="block"))
    graph = kp.trace(model)
    assert [(g.name, g.frozen) for g in graph.groups[:2]] == [("before", None), ("block_wide", None)]
    assert not graph.declined or set(graph.declined) == {"after"}


def test_a_model_with_nothing_to_take_apart_is_returned_as_it_is():
    model = in_model(layers.ReLU())
    assert kp.unroll(model) is model


def test_inputs_can_be_chosen(net):
    flat = kp.unroll(net, keras.Input((5,), name="features"))
    assert flat.inputs[0].name == "features"
    with pytest.raises(kp.GraphError, match="1 inputs"):
        kp.unroll(in_model(layers.ReLU()), [keras.Input((4,)), keras.Input((4,))])


def test_inputs_of_several_names_become_a_dict():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, left, right):
            return self.dense(ops.concatenate([left, right], axis=-1))

    model = Two()
    inputs = {"left": np.ones((2, 3), "float32"), "right": np.zeros((2, 4), "float32")}
    expected = model(**inputs)
    with pytest.raises(kp.GraphError, match="missing 1 required .* Choose its inputs"):
        kp.unroll(model)
    flat = kp.unroll(model, {name: keras.Input(value.shape[1:], name=name) for name, value in inputs.items()})
    np.testing.assert_allclose(numbers(flat(inputs)), numbers(expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda self, x, training: ops.matmul(x, ops.transpose(self.dense.kernel)), "uses the weight `kernel`"),
        (lambda self, x, training: self.dense(x) if training else self.dense(-x), "computes otherwise in training"),
        (lambda self, x, training: self.dense(x if ops.convert_to_numpy(x).sum() > 0 else -x), "symbolic tensors"),
        (lambda self, x, training: None, "NoneType that does not depend on its inputs"),
    ],
)
def test_what_cannot_be_taken_apart_stays_whole_with_the_reason(function, reason):
    graph = kp.trace(in_model(Unrollable(function, name="odd")))
    assert reason in graph.declined["odd"]
    assert graph.groups[0].frozen == graph.declined["odd"]


def test_a_call_that_needs_the_batch_size_is_tried_on_two_samples():
    def causal(self, x, training):
        return self.dense(x) * ops.broadcast_to(ops.ones((1,)), (ops.shape(x)[0], 3))

    def shaped(self, x, training):
        return ops.reshape(self.dense(x), (ops.shape(x)[0], -1, 1))[..., 0]

    def baked(self, x, training):
        return self.dense(x) + ops.zeros(ops.shape(x)) * float(ops.shape(x)[0])

    x = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
    for function, is_whole in ((causal, False), (shaped, False), (baked, False)):
        model = in_model(Unrollable(function, name="odd"))
        assert ("odd" in kp.trace(model).declined) is is_whole
        np.testing.assert_allclose(numbers(kp.unroll(model)(x)), numbers(model(x)), rtol=1e-5)
    repeated = Unrollable(lambda self, x, training: self.dense(x) + float(ops.shape(x)[0]), name="odd")
    assert "batch size" in kp.trace(in_model(repeated)).declined["odd"]


def test_a_mask_on_the_input_keeps_a_layer_whole():
    x = keras.Input((4,), dtype="int32")
    h = layers.Embedding(5, 3, mask_zero=True)(x)
    graph = kp.trace(keras.Model(x, layers.Dense(2)(Block(4, name="block")(h))))
    assert "carries a mask" in graph.declined["block"]


def test_half_precision_is_computed_in_half_precision():
    model = in_model(Block(4, dtype="mixed_float16", name="block"))
    flat = kp.unroll(model)
    x = np.random.default_rng(0).standard_normal((2, 4)).astype("float32")
    assert np.array_equal(numbers(flat(x)), numbers(model(x)))


def test_a_model_that_cannot_be_unrolled_is_refused_in_one_sentence():
    class Loop(keras.Model):
        def call(self, x):
            return x * float(np.sum(x))

    with pytest.raises(kp.GraphError, match="not built"):
        kp.trace(Loop())
    model = Loop(name="loop")
    model.built = True
    with pytest.raises(kp.GraphError, match=r"Loop 'loop' is subclassed and cannot be unrolled: .*functional API"):
        kp.unroll(model, keras.Input((3,)))


class Scaled(layers.Layer):
    """One factor for each entry of the last axis."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor


def test_a_factor_keeps_the_sizes_of_all_axes_for_what_follows():
    image = keras.Input((2, 3, 4))
    model = keras.Model(image, kp.layers.NeuronMask(axis=1)(Scaled()(image)))
    assert kp.unroll(model).output.shape == (None, 2, 3, 4)


@keras.saving.register_keras_serializable(package="tests")
class Tied(layers.Layer):
    """A table that is read by number, or multiplied by."""

    def build(self, shape):
        self.table = self.add_weight(shape=(6, 4), initializer="glorot_uniform")

    def call(self, x, reverse=False):
        return ops.matmul(x, ops.transpose(self.table)) if reverse else ops.take(self.table, x, axis=0)


@keras.saving.register_keras_serializable(package="tests")
class Holding(layers.Layer):
    """Calls a layer that others may call, too."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def build(self, shape):
        self.held.build(shape)

    def call(self, x):
        return self.held(x) + 1


@pytest.mark.parametrize("around", [lambda layer: layer, Holding])
def test_a_layer_that_is_called_inside_a_nested_model_and_outside_of_it_lays_that_flat(tmp_path, around):
    tokens, again = keras.Input((3,), dtype="int32"), keras.Input((3,), dtype="int32")
    tied = Tied(name="tied")
    inner = keras.Model(tokens, layers.Dense(4, activation="relu", name="dense")(around(tied)(tokens)), name="inner")
    model = keras.Model(again, tied(inner(again), reverse=True))
    names = [layer.name for layer in (*model.layers, *inner.layers)]
    flat = kp.unroll(model)
    assert [layer.name for layer in (*model.layers, *inner.layers)] == names
    assert "inner_dense" in [layer.name for layer in flat.layers]
    assert flat.count_params() == model.count_params()
    flat.save(tmp_path / "flat.keras")
    x = np.arange(6).reshape(2, 3)
    found = keras.saving.load_model(tmp_path / "flat.keras")(x)
    np.testing.assert_allclose(numbers(found), numbers(model(x)), atol=1e-6)


class TwoBranches(layers.Layer):
    """Adds two convolutions by a layer that every call makes anew; one is built for the size behind a padding."""

    def __init__(self, filters, **options):
        super().__init__(**options)
        self.filters = filters
        self.pad = layers.ZeroPadding2D(1)
        self.wide = layers.Conv2D(filters, 3, 2)
        self.narrow = keras.Sequential([layers.Conv2D(filters, 1, 2), layers.BatchNormalization()])

    def build(self, shape):
        padded = self.pad.compute_output_shape(shape)
        self.wide.build(padded)
        self.narrow.build(padded)
        super().build(shape)

    def call(self, x, training=None):
        return layers.Add()([self.wide(self.pad(x)), self.narrow(x, training=training)])


def test_a_call_may_make_layers_without_weights_and_call_a_nested_model_on_another_size():
    image = keras.Input((6, 6, 2))
    model = keras.Model(image, layers.Conv2D(2, 1)(TwoBranches(5, name="both")(image)))
    flat = kp.unroll(model)
    assert not any(isinstance(layer, TwoBranches) for layer in flat.layers)
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype("float32")
    np.testing.assert_allclose(numbers(flat(x)), numbers(model(x)), atol=1e-5)
    graph = kp.trace(model)
    assert sum(group.width for group in graph.free_groups) == 5
