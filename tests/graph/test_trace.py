"""What a trace says about models whose answer is known."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph import RULES

layers = keras.layers


def group(graph, name):
    """The group of that name, as (width, frozen)."""
    found = next(group for group in graph.groups if group.name == name)
    return found.width, found.frozen


def labels_of(graph, layer):
    """The labels of a layer's first weight, relative to the smallest id on each axis."""
    weight = next(weight for weight in graph.weights if weight.layer == layer)
    return [None if axis is None else (axis - axis.min()).tolist() for axis in weight.axes]


def test_a_residual_stream_is_one_group():
    x = keras.Input((8, 8, 3))
    first = layers.Conv2D(4, 3, padding="same", name="first")(x)
    second = layers.Conv2D(4, 3, padding="same", name="second")(layers.ReLU()(layers.BatchNormalization()(first)))
    y = layers.Dense(2, name="out")(layers.GlobalAveragePooling2D()(layers.Add(name="add")([first, second])))
    graph = kp.trace(keras.Model(x, y))
    assert [(g.name, g.width, g.makers) for g in graph.groups] == [
        ("first", 4, ("first", "second")),
        ("out", 2, ("out",)),
    ]
    assert graph.groups[0].ties == ("`add` combines them place by place",)
    assert "`out` is an output of the model" in graph.groups[1].frozen


def test_costs_agree_with_keras_and_with_paper_and_pencil():
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    h = layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(h)
    model = keras.Model(x, layers.Dense(5, name="out")(layers.Flatten()(h)))
    graph = kp.trace(model)
    assert graph.params() == model.count_params()
    assert graph.cost_table.per_layer(graph.keep_all()) == {
        "conv": (3 * 3 * 3 * 4 + 4, 64 * 27 * 4),
        "depthwise": (3 * 3 * 4 + 4, 16 * 9 * 4),
        "out": (64 * 5 + 5, 64 * 5),
    }


def test_flatten_repeats_the_channels_for_every_place():
    x = keras.Input((2, 2, 1))
    model = keras.Model(x, layers.Dense(1, name="out")(layers.Flatten()(layers.Conv2D(3, 1, name="conv")(x))))
    assert labels_of(kp.trace(model), "out")[0] == [0, 1, 2] * 4


def test_flatten_of_channels_first_is_channels_last():
    x = keras.Input((3, 2, 2))
    h = layers.Permute((3, 1, 2))(layers.Dense(3, name="dense")(x))
    model = keras.Model(x, layers.Dense(1, name="out")(layers.Flatten(data_format="channels_first")(h)))
    assert labels_of(kp.trace(model), "out")[0] == [0, 1, 2] * 6


def test_concatenation_keeps_the_order_and_the_non_channels():
    x = keras.Input((2,))
    joined = layers.Concatenate()([layers.Dense(3, name="a")(x), x, layers.Dense(2, name="b")(x)])
    graph = kp.trace(keras.Model(x, layers.Dense(1, name="out")(joined)))
    weight = next(weight for weight in graph.weights if weight.layer == "out")
    assert weight.axes[0].tolist() == [1, 2, 3, 0, 0, 4, 5]


def test_a_channel_added_to_a_value_that_is_none_stays():
    x = keras.Input((2,))
    joined = layers.Concatenate(name="joined")([layers.Dense(3, name="a")(x), x])
    h = layers.Add(name="add")([joined, layers.Dense(5, name="b")(x)])
    graph = kp.trace(keras.Model(x, layers.Dense(1)(h)))
    found = {(g.width, g.frozen is None, frozenset(g.makers)) for g in graph.groups}
    assert {(3, True, frozenset({"a", "b"})), (2, False, frozenset({"b"}))} <= found


def test_splitting_the_channels_ties_whole_blocks():
    x = keras.Input((5,))
    heads = layers.Reshape((3, 4), name="heads")(layers.Dense(12, name="dense")(x))
    graph = kp.trace(keras.Model(x, layers.Dense(2)(layers.Flatten()(heads))))
    assert group(graph, "dense") == (3, None)
    weight = next(weight for weight in graph.weights if weight.layer == "dense")
    assert weight.axes[1].tolist() == np.repeat([1, 2, 3], 4).tolist()


def test_groups_of_a_convolution_stay_equally_wide():
    x = keras.Input((4, 4, 2))
    h = layers.Conv2D(8, 1, name="before")(x)
    h = layers.Conv2D(6, 1, groups=2, name="grouped")(h)
    graph = kp.trace(keras.Model(x, layers.Conv2D(1, 1, name="out")(h)))
    assert [(g.name, g.width) for g in graph.groups] == [("before", 4), ("grouped", 3), ("out", 1)]


def test_one_channel_per_group_is_depthwise_and_one_filter_is_not():
    x = keras.Input((4, 4, 2))
    h = layers.Conv2D(4, 1, name="before")(x)
    h = layers.Conv2D(8, 1, groups=4, name="depthwise")(h)
    graph = kp.trace(keras.Model(x, layers.Conv2D(1, 3, name="out")(h)))
    weight = next(weight for weight in graph.weights if weight.layer == "depthwise")
    assert weight.axes[-1].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    single = kp.trace(keras.Model(x, layers.Conv2D(1, 3, name="out")(layers.Conv2D(1, 1, name="one")(x))))
    assert [g.width for g in single.groups] == [1, 1]


def test_a_map_of_one_channel_does_not_couple_channels_but_a_gate_per_channel_does():
    x = keras.Input((4, 4, 2))
    h = layers.Conv2D(6, 1, name="conv")(x)
    gate = layers.Dense(6, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(h))
    spot = layers.Conv2D(1, 1, name="spot")(h)
    h = layers.Multiply(name="spots")([layers.Multiply()([h, gate]), spot])
    graph = kp.trace(keras.Model(x, layers.Conv2D(1, 1, name="out")(h)))
    assert group(graph, "conv") == (6, None)
    assert graph.groups[0].makers == ("conv", "gate")
    assert "`spots` spreads this channel" in group(graph, "spot")[1]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.GroupNormalization(1, name="norm"), "takes its statistics over all channels"),
        (layers.Softmax(name="soft"), "the softmax `soft` mixes"),
        (layers.Activation("softmax", name="act"), "the activation softmax of `act` mixes"),
        (
            layers.Lambda(lambda x: np.sort(keras.ops.convert_to_numpy(x)), (3,), name="lam"),
            "`lam` is a Lambda, which cannot be unrolled",
        ),
    ],
)
def test_what_is_unsafe_stays_with_a_reason(layer, reason):
    x = keras.Input((4,))
    graph = kp.trace(keras.Model(x, layers.Dense(2)(layer(layers.Dense(3, name="before")(x)))))
    assert reason in group(graph, "before")[1]


def test_a_layer_called_twice_ties_what_it_reads():
    x = keras.Input((4,))
    shared = layers.Dense(2, name="shared")
    a, b = layers.Dense(3, name="a")(x), layers.Dense(3, name="b")(x)
    graph = kp.trace(keras.Model(x, layers.Dense(1)(layers.Concatenate()([shared(a), shared(b)]))))
    assert [(g.width, g.frozen, set(g.makers)) for g in graph.free_groups] == [
        (3, None, {"a", "b"}),
        (2, None, {"shared"}),
    ]


def test_nested_models_have_paths_and_are_traced_inside():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(5, name="inner_dense"), layers.ReLU()], name="base")
    x = keras.Input((4,))
    graph = kp.trace(keras.Model(x, layers.Dense(1, name="head")(inner(x))))
    assert group(graph, "base/inner_dense") == (5, None)


def test_a_nested_model_may_be_called_with_a_mask():
    inner = keras.Sequential([keras.Input((5, 4)), layers.Dense(6, name="inside")], name="base")
    tokens = keras.Input((5,), dtype="int32")
    h = layers.GlobalAveragePooling1D()(inner(layers.Embedding(7, 4, mask_zero=True, name="table")(tokens)))
    model = keras.Model(tokens, layers.Dense(2)(h))
    graph = kp.trace(model)
    assert [(g.name, g.width) for g in graph.free_groups] == [("table", 4), ("base/inside", 6)]
    keep = graph.keep_all()
    keep[[1, 5, 6]] = False
    kp.verify(model, graph, keep, kp.slim(model, graph, keep))


def test_unknown_dimensions_count_as_said():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, layers.Conv2D(2, 1, name="conv")(x))
    assert kp.trace(model).macs() == 224 * 224 * 6
    assert kp.trace(model, input_shape=(10, 20, 3)).macs() == 200 * 6
    with pytest.raises(kp.GraphError, match="has shape"):
        kp.trace(model, input_shape=(10, 3))


def test_a_width_that_every_output_and_axis_needs_is_a_group_of_its_own():
    x = keras.Input((4,))
    a, b = layers.Dense(3, name="a")(x), layers.Dense(5, name="b")(x)
    wide = layers.Add()([layers.Concatenate()([a, b]), layers.Dense(8, name="c")(x)])
    graph = kp.trace(keras.Model(x, layers.Dense(1)(wide)))
    assert [(g.name, g.width) for g in graph.free_groups] == [("a", 3), ("b", 5)]
    assert graph.groups[0].makers == ("a", "c")


def test_a_model_that_cannot_be_listed_is_refused_in_one_sentence():
    class Subclassed(keras.Model):
        def call(self, inputs):
            if float(keras.ops.convert_to_numpy(inputs).sum()) > 0:
                return inputs
            return -inputs

    for model, message in [
        (Subclassed(), "Subclassed"),
        (keras.Sequential([layers.Dense(1)]), "is not built"),
        ("model.keras", "Received: str"),
    ]:
        with pytest.raises(kp.GraphError, match=message):
            kp.trace(model)


@keras.saving.register_keras_serializable(package="kerasprune_tests")
class ChannelScale(layers.Layer):
    """A user's layer with one weight per channel."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="random_normal")

    def call(self, inputs):
        return inputs * self.scale


def scaled_model():
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(2)(ChannelScale(name="scale")(layers.Dense(3, name="before")(x))))


def test_a_user_can_teach_a_layer_in_a_few_lines():
    model = scaled_model()
    graph = kp.trace(model)
    assert group(graph, "before") == (3, None)  # taken apart
    assert "scale" not in [layer.name for layer in kp.unroll(model).layers]

    @kp.rule(ChannelScale, behaviour="carry")
    def channel_scale(site):
        site.weight(site.layer.scale, (site.labels[-1],))
        return site.labels

    try:
        graph = kp.trace(model)
        assert group(graph, "before") == (3, None)
        keep = graph.keep_all()
        keep[graph.groups[0].ids[1]] = False
        small = kp.slim(model, graph, keep)
        assert small.get_layer("scale").scale.shape == (2,)
        kp.verify(model, graph, keep, small)
    finally:
        del RULES[ChannelScale]


def test_a_subclass_with_a_call_of_its_own_is_another_layer():
    class Doubled(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) * keras.ops.sum(inputs)

    x = keras.Input((4,))
    graph = kp.trace(keras.Model(x, layers.Dense(2)(Doubled(3, name="odd")(layers.Dense(3, name="before")(x)))))
    assert not any(weight.layer == "odd" for weight in graph.weights)  # it is taken apart, not taken for a Dense


def test_a_rule_of_unknown_behaviour_is_refused():
    with pytest.raises(ValueError, match="behaviour"):
        kp.rule(layers.Dense, behaviour="magic")
    with pytest.raises(ValueError, match="classes of layers or names"):
        kp.rule(3)
