"""What least squares give back after a cut, and what they leave alone."""

import collections
import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError, OptionError
from kerasprune.evidence import Sampling, frontier
from kerasprune.graph import LINEAR_LAYERS, find_linear_layer, run, runnable
from kerasprune.recoveries import (
    RECOVERIES,
    Damage,
    Reconstruct,
    RepayBias,
    place,
    reconstruct,
    repair,
    resolve_recovery,
)
from tests.laws.random_models import random_keep, randomize

pytestmark = pytest.mark.processor

PRODUCTS = [
    layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
    layers.Conv1D(4, 4, strides=3, padding="same"),
    layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same"),
    layers.Conv2D(4, 3, dilation_rate=2, groups=2),
    layers.Conv2D(4, 2, strides=2, padding="same", groups=4),
    layers.Conv3D(4, 2, padding="same"),
    layers.DepthwiseConv1D(3, depth_multiplier=2),
    layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
    layers.SeparableConv1D(4, 3, depth_multiplier=2),
    layers.SeparableConv2D(6, (2, 3), padding="same", dilation_rate=2),
    layers.Dense(4),
]
TRANSPOSED = [
    layers.Conv1DTranspose(4, 4, strides=3, padding="same"),
    layers.Conv1DTranspose(3, 3, dilation_rate=2, padding="same"),
    layers.Conv2DTranspose(4, (3, 2), strides=(2, 3)),
    layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1),
    layers.Conv2DTranspose(4, 2, strides=3, output_padding=(1, 2)),
    layers.Conv3DTranspose(2, 2, strides=2, padding="same"),
]
FIRST = [
    layers.Conv2DTranspose(3, 3, strides=2, padding="same", data_format="channels_first"),
    layers.Conv2D(4, 2, strides=2, padding="same", data_format="channels_first"),
    layers.DepthwiseConv2D(3, data_format="channels_first"),
]


EINSUMS = {
    "ab,bc->ac": (4,),
    "...x,xy->...y": (3,),
    "abc,cde->abde": (7, 3, 2),
    "abc,ebcd->ade": (3, 2),
    "abc,bcd->abd": (7, 5),
    "abc,dc->adb": (6, 7),
    "ab...,bc->ac...": (5,),
    "abc,c->abc": (7, 4),
}


def einsums():
    for equation, shape in EINSUMS.items():
        kernel, _, made = equation.partition(",")[2].partition("->")
        axes = "".join(letter for letter in made if letter in kernel)
        yield layers.EinsumDense(equation, shape, bias_axes=axes)


@pytest.mark.parametrize("layer", [*PRODUCTS, *TRANSPOSED, *einsums(), *FIRST], ids=lambda layer: layer.name)
def test_the_rows_times_the_matrix_are_what_the_layer_makes(layer):
    needs_dilation(layer)
    x = input_of(layer)
    layer.build(x.shape)
    randomize_layer(layer)
    outputs = made_by(layer, x)
    part = find_linear_layer(layer)
    chosen = np.random.default_rng(0).permutation(part.positions(outputs))[:9]
    found = part.rows(x, chosen) @ part.matrix + part.bias_row
    np.testing.assert_allclose(found, part.made(outputs, chosen), atol=1e-5)
    kernel, bias = [keras.ops.convert_to_numpy(part.kernel), keras.ops.convert_to_numpy(part.bias)]
    part.assign(part.matrix)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(part.kernel), kernel)
    part.shift_bias(part.bias_row[:, 0])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(part.bias), 2 * bias)


def needs_dilation(layer):
    """Skip where TensorFlow has no kernel for a transposed convolution with gaps: without oneDNN on a processor."""
    if isinstance(layer, layers.Conv1DTranspose) and max(layer.dilation_rate) > 1:
        try:
            type(layer).from_config(layer.get_config())(np.ones((1, 7, 4), "float32"))
        except Exception as error:
            if "dilation rates larger than 1" not in str(error):
                raise
            pytest.skip("TensorFlow cannot compute this layer on this processor")


def input_of(layer):
    rank = getattr(layer, "rank", 2)
    shape = (2, *range(7, 7 + rank), 4)
    if isinstance(layer, layers.EinsumDense):
        shape = (2, 4) if layer.equation.startswith("ab,") else (2, 7, 4)
        shape = (2, 4, 7) if layer.equation.startswith("ab...") else shape
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    return np.moveaxis(x, -1, 1) if layer in FIRST else x


def made_by(layer, x) -> np.ndarray:
    """What the layer makes; TensorFlow has no convolution with channels first on every processor."""
    if layer not in FIRST:
        return keras.ops.convert_to_numpy(layer(x))
    last = type(layer).from_config({**layer.get_config(), "data_format": "channels_last"})
    x = np.moveaxis(x, 1, -1)
    last.build(x.shape)
    last.set_weights(layer.get_weights())
    return np.moveaxis(keras.ops.convert_to_numpy(last(x)), -1, 1)


@pytest.mark.parametrize("layer", [layers.EinsumDense("abc,cd->bad", (2, 5)), layers.EinsumDense("abc,b->ab", 7)])
def test_an_equation_that_is_no_such_product_is_left_alone(layer):
    assert find_linear_layer(layer) is None


def test_every_linear_layer_is_tried():
    assert {type(layer) for layer in (*PRODUCTS, *TRANSPOSED, *einsums())} == set(LINEAR_LAYERS)


def randomize_layer(layer):
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=weight.shape) / 3 for weight in layer.get_weights()])


def residual_model() -> keras.Model:
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(6, 3, padding="same", name="first")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.Add()([x, layers.Conv2D(6, 3, padding="same", activation="relu", name="second")(x)])
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Flatten()(layers.Conv2D(4, 3, strides=2, activation="relu", name="third")(x))
    return keras.Model(inputs, layers.Dense(5, name="classes")(layers.Dense(12, activation="relu", name="hidden")(x)))


@pytest.fixture(scope="module")
def damage():
    model = residual_model()
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    keep = graph.complete(random_keep(graph, np.random.default_rng(3)))
    x = np.random.default_rng(1).normal(size=(512, 8, 8, 2)).astype("float32")
    return Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x, batch_size=256))


def error(damage, small) -> float:
    models = (runnable(model).runs for model in (damage.model, small))
    expected, found = (np.asarray(model.predict(damage.sampling.data, verbose=0)) for model in models)
    return float(np.square(expected - found).mean())


def weights_of(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


@pytest.mark.backend
@pytest.mark.parametrize("name", RECOVERIES)
def test_every_recovery_lowers_the_error_and_leaves_the_small_model_as_it_is(damage, name):
    before = [value.copy() for value in weights_of(damage.small)]
    small, repairs = RECOVERIES[name]()(damage)
    for old, new in zip(before, weights_of(damage.small), strict=True):
        np.testing.assert_array_equal(old, new)
    again, _ = RECOVERIES[name]()(damage)
    for first, second in zip(weights_of(small), weights_of(again), strict=True):
        np.testing.assert_array_equal(first, second)
    assert all(repair.after <= repair.before + 1e-9 for repair in repairs if repair.after is not None)
    if name != "recalibrate":  # whose statistics are those of this data, not those of the model
        assert error(damage, small) < error(damage, damage.small)


def test_least_squares_do_more_than_the_bias(damage):
    errors = {name: error(damage, RECOVERIES[name]()(damage)[0]) for name in ("bias", "reconstruct")}
    assert errors["reconstruct"] < 0.7 * errors["bias"]


def test_what_cannot_be_repaired_is_said():
    inputs = keras.Input((6, 3, 2))
    x = layers.Dense(4, "relu", name="first")(inputs)
    x = layers.EinsumDense("abcd,de->acbe", (3, 6, 5), name="swaps")(x)
    x = layers.EinsumDense("abcd,de->abce", (3, 6, 5), bias_axes="be", name="shifts")(x)
    twice = layers.Dense(5, "relu", name="twice")
    model = keras.Model(inputs, twice(twice(x)))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[next(group.ids[0] for group in graph.groups if group.name == "first")] = False
    small = kp.slim(model, graph, keep)
    x = np.random.default_rng(0).normal(size=(8, 6, 3, 2)).astype("float32")
    _, repairs = RECOVERIES["reconstruct"]()(Damage.of(model, graph, keep, small, Sampling(x)))
    assert {repair.layer: repair.note for repair in repairs} == {
        "swaps": "there is no least squares for EinsumDense",
        "shifts": "its bias does not lie along what it makes",
        "twice": "it is called 2 times",
    }


@pytest.mark.parametrize("name", ["reconstruct", "bias"])
def test_nothing_is_changed_where_nothing_was_removed(damage, name):
    graph = damage.graph
    same = kp.slim(damage.model, graph, graph.keep_all())
    repaired, repairs = RECOVERIES[name]()(Damage.of(damage.model, graph, graph.keep_all(), same, damage.sampling))
    assert repairs == ()
    for old, new in zip(weights_of(damage.model), weights_of(repaired), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_redundant_channel_costs_nothing():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, "relu", name="a"), layers.Dense(3, name="b")])
    randomize(model, np.random.default_rng(0))
    kernel, bias = model.get_layer("a").get_weights()
    kernel[:, 5], bias[5] = 2 * kernel[:, 4], 2 * bias[4]  # one is twice the other
    model.get_layer("a").set_weights([kernel, bias])
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[5]] = False
    x = np.random.default_rng(0).normal(size=(100, 5)).astype("float32")
    small = reconstruct(model, graph, keep, kp.slim(model, graph, keep), x, damping=1e-9)
    np.testing.assert_allclose(small.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-4)


def test_few_samples_are_damped_and_said(damage):
    few = dataclasses.replace(damage, sampling=Sampling(damage.sampling.data[:3]))
    small, repairs = RECOVERIES["reconstruct"]()(few)
    assert all(np.isfinite(value).all() for value in weights_of(small))
    assert "3 rows for" in next(repair.note for repair in repairs if repair.layer == "classes")


def test_activations_that_are_no_numbers_are_refused(damage):
    broken = keras.models.clone_model(damage.small)
    broken.set_weights([np.full_like(value, np.nan) for value in weights_of(damage.small)])
    with pytest.raises(DataError, match="`second` reads holds NaN"):
        reconstruct(damage.model, damage.graph, damage.keep, broken, damage.sampling.data)


def test_a_layer_that_reads_only_zeros_keeps_its_kernel():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, "relu", name="a"), layers.Dense(3, name="b")])
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[0]] = False
    small = kp.slim(model, graph, keep)
    small.get_layer("a").set_weights([np.zeros((4, 3)), np.full(3, -1.0)])
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    repaired = reconstruct(model, graph, keep, small, x)
    np.testing.assert_array_equal(repaired.get_layer("b").get_weights()[0], small.get_layer("b").get_weights()[0])
    mean = model.predict(x, verbose=0).mean(axis=0)
    np.testing.assert_allclose(repaired.get_layer("b").get_weights()[1], mean, atol=1e-5)


def depthwise_behind_another(x):
    """What a cut changes for a depthwise convolution comes from further up."""
    return layers.DepthwiseConv2D(3, depth_multiplier=2, name="between")(layers.Conv2D(8, 3, activation="relu")(x))


BETWEEN = {
    "depthwise": lambda: depthwise_behind_another,
    "separable": lambda: layers.SeparableConv2D(5, 3, name="between"),
    "grouped": lambda: layers.Conv2D(6, 3, groups=2, strides=2, padding="same", name="between"),
    "without bias": lambda: layers.Conv2D(6, 3, use_bias=False, name="between"),
}


def cut_before(between, share=0.5) -> Damage:
    """A model of a convolution, a layer and a batch norm without a share of the channels that the layer reads."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(8, 3, activation="relu", name="first")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(between(x)))
    model = keras.Model(inputs, layers.Dense(4, name="classes")(layers.Flatten()(x)))
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    keep = graph.keep_all()
    ids = next(group.ids for group in graph.groups if "first" in group.makers)
    keep[ids[: round(share * len(ids))]] = False
    x = np.random.default_rng(1).normal(size=(64, 8, 8, 2)).astype("float32")
    return Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x))


@pytest.mark.parametrize("between", BETWEEN)
def test_every_kind_of_convolution_repays(between):
    damage = cut_before(BETWEEN[between]())
    small, repairs = Reconstruct()(damage)
    (repair,) = (repair for repair in repairs if repair.layer == "between")
    assert repair.after < 0.95 * repair.before
    assert error(damage, small) < 0.5 * error(damage, damage.small)


def test_a_batch_norm_takes_the_bias_that_a_layer_lacks():
    damage = cut_before(layers.Conv2D(6, 3, use_bias=False, name="between"), 1 / 8)
    first = damage.model.get_layer("first")
    kernel, bias = first.get_weights()
    kernel[..., 0], bias[0] = 0.0, 1.0  # what goes is a constant
    first.set_weights([kernel, bias])
    small, _ = RepayBias()(dataclasses.replace(damage, after=damage.before.cut(damage.keep)))
    assert error(damage, small) < 1e-9


def test_the_last_layer_of_a_branch_repays_what_the_shortcut_has_lost(monkeypatch):
    inputs = keras.Input((4, 5))
    x = layers.Dense(8, "relu", name="first")(inputs)
    shortcut = layers.EinsumDense("abc,cd->abd", (4, 3), bias_axes="bd", name="shortcut")(x)  # no least squares for it
    x = layers.Dense(3, name="last")(layers.Dense(12, "relu", name="hidden")(x))
    model = keras.Model(inputs, layers.Add()([shortcut, layers.BatchNormalization()(x)]))
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[next(group.ids[:3] for group in graph.groups if group.name == "first")] = False
    x = np.random.default_rng(1).normal(size=(100, 4, 5)).astype("float32")
    damage = Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x))
    together = error(damage, Reconstruct()(damage)[0])
    monkeypatch.setattr(place, "_addends", lambda *_: [])
    assert together < 0.8 * error(damage, Reconstruct()(damage)[0])


def test_every_call_is_made_once_for_a_batch(damage, monkeypatch):
    made = collections.Counter()

    def counted(calls, env):
        made.update(map(id, calls))
        return run(calls, env)

    monkeypatch.setattr(frontier, "run", counted)
    Reconstruct()(damage)
    assert set(made.values()) == {2}  # batches


def test_without_memory_the_result_is_the_same(damage):
    found, _ = Reconstruct()(damage)
    again, _ = Reconstruct(memory=0)(damage)
    for first, second in zip(weights_of(found), weights_of(again), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_some_places_do_nearly_as_much_as_all(damage):
    errors = [error(damage, Reconstruct(places=places)(damage)[0]) for places in (None, 16)]
    assert errors[0] < errors[1] < 2 * errors[0]


def test_layers_may_have_any_name():
    keras.utils.clear_session()
    inputs = keras.Input((4,))
    x = layers.Activation("tanh", name="activation")(layers.Dense(5, "relu", name="first")(inputs))
    model = keras.Model(inputs, layers.Dense(2, "relu", name="second")(x))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[0]] = False
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    _, repairs = Reconstruct()(Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x)))
    assert [repair.layer for repair in repairs] == ["second"]


@pytest.mark.parametrize("options", [{"damping": 0}, {"damping": float("nan")}, {"places": 0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=f"Received: {next(iter(options))}="):
        Reconstruct(**options)


def test_what_is_no_recovery_is_refused():
    with pytest.raises(OptionError, match="must be a name .*reconstruct"):
        resolve_recovery(3)
    assert resolve_recovery("reconstruct") == Reconstruct()


def test_inputs_are_found_by_their_names():
    inputs = keras.Input((4,), name="second"), keras.Input((4,), name="first")
    hidden = [layers.Dense(6, "relu")(tensor) for tensor in inputs]
    model = keras.Model(inputs, layers.Dense(2)(layers.Subtract()(hidden)))
    rng = np.random.default_rng(11)
    randomize(model, rng)
    graph = kp.trace(model)
    keep = graph.complete(random_keep(graph, rng))
    arrays = [rng.normal(size=(40, 4)).astype("float32") for _ in inputs]
    by_name = {"first": arrays[1], "second": arrays[0]}
    small = kp.slim(model, graph, keep)
    found, expected = (kp.reconstruct(model, graph, keep, small, data) for data in (by_name, (arrays, None)))
    assert not np.allclose(expected.get_weights()[-2], small.get_weights()[-2])
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# What reads four channels, of which the last is a linear combination of the others, by the shape of an input.
READERS = {
    "transposed, strides": (layers.Conv1DTranspose(3, 3, strides=2, name="reads"), (5, 4)),
    "transposed, same": (layers.Conv2DTranspose(2, 3, strides=2, padding="same", name="reads"), (4, 3, 4)),
    "transposed, output_padding": (
        layers.Conv2DTranspose(2, (2, 3), strides=(3, 2), output_padding=(2, 1), padding="same", name="reads"),
        (3, 4, 4),
    ),
    "transposed, dilated": (layers.Conv1DTranspose(3, 2, dilation_rate=2, use_bias=False, name="reads"), (5, 4)),
    "transposed, three axes": (layers.Conv3DTranspose(2, 2, strides=2, name="reads"), (2, 3, 2, 4)),
    "transposed, first": (
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", data_format="channels_first", name="reads"),
        (4, 4, 3),
    ),
    "einsum, last axis": (layers.EinsumDense("...x,xy->...y", 3, bias_axes="y", name="reads"), (5, 4)),
    "einsum, two made": (layers.EinsumDense("abc,cde->abde", (5, 2, 3), bias_axes="e", name="reads"), (5, 4)),
    "einsum, heads": (layers.EinsumDense("abc,cde->abde", (5, 2, 3), bias_axes="ed", name="reads"), (5, 4)),
    "einsum, turned": (layers.EinsumDense("abc,dc->adb", (3, 5), bias_axes="d", name="reads"), (5, 4)),
    "einsum, blocks": (layers.EinsumDense("abc,bcd->abd", (5, 3), bias_axes="bd", name="reads"), (5, 4)),
}


def cut_of_a_combination(name: str) -> Damage:
    """A model in which what the reader reads loses a channel that is a combination of two others."""
    layer, shape = READERS[name]
    needs_dilation(layer)
    first = getattr(layer, "data_format", None) == "channels_first"
    inputs = keras.Input(shape[1:] + (2,) if first else (*shape[:-1], 2))
    made = layers.Dense(4, name="makes")(inputs)
    made = layers.Permute((3, 1, 2))(made) if first else made
    model = keras.Model(inputs, type(layer).from_config(layer.get_config())(made))
    randomize(model, np.random.default_rng(0))
    kernel, bias = model.get_layer("makes").get_weights()
    kernel[:, 3] = 2 * kernel[:, 0] - kernel[:, 1]
    bias[3] = 2 * bias[0] - bias[1]
    model.get_layer("makes").set_weights([kernel, bias])
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[3]] = False
    x = np.random.default_rng(1).normal(size=(60, *model.input_shape[1:])).astype("float32")
    return Damage.of(model, graph, keep, kp.slim(model, graph, keep), Sampling(x))


@pytest.mark.parametrize("name", [name for name in READERS if name != "einsum, two made"])
def test_a_combination_of_others_is_repaid_exactly(name):
    damage = cut_of_a_combination(name)
    small, (done,) = repair(Reconstruct(damping=1e-9, places=None), damage)
    assert done.layer == "reads" and done.before > 1e-3 and done.after < 1e-6
    assert error(damage, small) < 1e-6 * error(damage, damage.small)


@pytest.mark.parametrize("name", ["transposed, same", "einsum, heads", "einsum, turned"])
def test_biases_alone_repay_the_mean(name):
    damage = cut_of_a_combination(name)
    small, (repair,) = RepayBias()(damage)
    assert repair.after < repair.before
    assert error(damage, small) < error(damage, damage.small)


def test_a_bias_for_some_of_what_is_made_is_said():
    _, (repair,) = Reconstruct()(cut_of_a_combination("einsum, two made"))
    assert repair.note == "its bias does not lie along what it makes"
