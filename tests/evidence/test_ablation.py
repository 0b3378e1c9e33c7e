"""The fast oracle tries every channel as the slow one would, within the memory that it is given."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import Oracle, score
from kerasprune.evidence import Ablation, Probe, Sampling
from kerasprune.evidence.ablation.steps import Update
from kerasprune.evidence.ablation.updates import contribution, updatable
from kerasprune.graph import Opened
from tests.backends import numbers
from tests.laws.random_models import randomize
from tests.small_models import conv_model, dense_model, images

pytestmark = [pytest.mark.backend, pytest.mark.processor]

SPARSE = "sparse_categorical_crossentropy"


def one_by_one(model, graph, data, gain, candidates, loss=None):
    """The slow way: the whole network once for every candidate."""
    runs = Opened.of(model, graph).runs
    probe = Probe(runs.flat, runs.graph, Sampling(loss=loss, batch_size=4))
    before, changes = probe.mean_loss(data, gain), []
    for candidate in candidates:
        without = gain.copy()
        without[candidate] = 0.0
        changes.append(probe.mean_loss(data, without) - before)
    return np.array(changes)


def assert_as_one_by_one(model, data, loss=None, memory=1.0):
    """On the whole model, and again when a third of the channels are gone."""
    graph = kp.trace(model)
    free = np.flatnonzero(~graph.frozen)
    ablation = Ablation(model, graph, Sampling(data, loss, batch_size=4), memory=memory)
    third = np.ones(graph.num_ids)
    third[free[1::3]] = 0.0
    for gain in (np.ones(graph.num_ids), third):
        candidates = free[gain[free] > 0]
        expected = one_by_one(model, graph, data, gain, candidates, loss)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(ablation(gain, candidates), expected, atol=1e-5)


def two_outputs():
    """Branches, a concatenation, a channel read at two places, and an output that most channels do not reach."""
    inputs = keras.Input((6, 6, 2), name="picture"), keras.Input((3,), name="numbers")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs[0])
    y = layers.Conv2D(3, 3, strides=2, padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))
    y = layers.Concatenate()([layers.MaxPooling2D()(x), y])
    first = layers.Dense(3, "softmax", name="classes")(layers.GlobalAveragePooling2D()(y))
    second = layers.Dense(2, name="size")(layers.Dense(3, "tanh")(inputs[1]))
    model = keras.Model(inputs, [first, second])
    randomize(model, np.random.default_rng(0))
    model.compile(loss={"classes": SPARSE, "size": "mse"}, loss_weights={"classes": 1.0, "size": 0.5})
    return model


def test_several_outputs_and_inputs_by_name():
    rng = np.random.default_rng(1)
    x = {"picture": rng.normal(size=(7, 6, 6, 2)), "numbers": rng.normal(size=(7, 3))}
    y = {"classes": rng.integers(0, 3, 7), "size": rng.normal(size=(7, 2))}
    assert_as_one_by_one(two_outputs(), (x, y, np.arange(7) / 3.0))


def test_masks_reach_every_layer_and_the_loss():
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(6, 4, mask_zero=True),
            layers.Dense(4, "relu"),
            layers.LSTM(3, return_sequences=True),
            layers.Dense(2),
        ]
    )
    rng = np.random.default_rng(2)
    randomize(model, rng)
    assert_as_one_by_one(model, (rng.integers(0, 3, (6, 5)), rng.normal(size=(6, 5, 2))), "mse")


def test_a_layer_that_is_called_twice():
    inputs, dense = keras.Input((4,)), layers.Dense(4, "tanh")
    twice = dense(layers.ReLU()(dense(layers.Dense(4, "relu")(inputs))))
    model = keras.Model(inputs, layers.Dense(2)(twice))
    rng = np.random.default_rng(3)
    randomize(model, rng)
    assert_as_one_by_one(model, (rng.normal(size=(6, 4)), rng.normal(size=(6, 2))), "mse")


def small_net(rows, columns, data_format="channels_last", dtype="float32"):
    """Two convolutions around an activation that is a layer, and a classifier in single precision."""
    inputs = keras.Input((rows, columns, 2) if data_format == "channels_last" else (2, rows, columns))
    options = {"data_format": data_format, "dtype": dtype}
    x = layers.Conv2D(4, 3, padding="same", activation=layers.LeakyReLU(), **options)(inputs)
    x = layers.Conv2D(3, 3, strides=2, use_bias=False, **options)(x)
    x = layers.GlobalAveragePooling2D(**options)(x)
    model = keras.Model(inputs, layers.Dense(3, "softmax", dtype="float32")(x))
    randomize(model, np.random.default_rng(4))
    return model


@pytest.mark.parametrize("options", [{"data_format": "channels_first"}, {"dtype": "mixed_float16"}])
def test_channels_first_and_half_precision(options):
    model = small_net(6, 6, **options)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, *model.input_shape[1:])).astype("float32")
    graph, y = kp.trace(model), rng.integers(0, 3, 6)
    free = np.flatnonzero(~graph.frozen)
    found = score(model, graph, "oracle", (x, y), loss=SPARSE)[free]
    expected = one_by_one(model, graph, (x, y), np.ones(graph.num_ids), free, SPARSE)
    np.testing.assert_allclose(found, expected, atol=1e-3 if "dtype" in options else 1e-5)


def test_pictures_of_several_sizes():
    model = small_net(None, None)
    rng = np.random.default_rng(6)
    batches = [
        (rng.normal(size=(4, *size, 2)).astype("float32"), rng.integers(0, 3, 4)) for size in ((7, 7), (6, 9), (8, 6))
    ]
    graph = kp.trace(model)
    free = np.flatnonzero(~graph.frozen)
    expected = one_by_one(model, graph, batches, np.ones(graph.num_ids), free, SPARSE)
    np.testing.assert_allclose(score(model, graph, "oracle", batches, loss=SPARSE)[free], expected, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3),
        layers.Conv1D(3, 3, padding="same", dilation_rate=2),
        layers.Conv1D(3, 3, padding="causal"),
        layers.Conv2D(3, 3, strides=2, padding="same"),
        layers.Conv2D(3, (2, 3), padding="valid"),
        layers.Conv3D(3, 2, padding="same"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_contribution_is_what_is_missing_without_it(layer):
    rank = 3 if isinstance(layer, layers.Dense) else len(layer.kernel_size) + 2
    x = np.random.default_rng(0).normal(size=(2, *[5] * (rank - 2), 6)).astype("float32")
    whole = numbers(layer(x))
    members, factors = np.array([[1, 4], [0, 0]]), np.array([[1.0, 1.0], [0.5, 0.0]], "float32")
    found = numbers(contribution(updatable(layer), x, members, factors))  # (candidates, batch, ..., outputs)
    for row, factor, lost in zip(members, factors, found, strict=True):
        less = x.copy()
        for member, share in zip(row, factor, strict=True):
            less[..., member] -= share * x[..., member]
        np.testing.assert_allclose(lost, whole - numbers(layer(less)), atol=1e-4)


@pytest.mark.parametrize(
    "layer", [layers.Conv2D(4, 3, groups=2), layers.Conv1DTranspose(4, 3), layers.Dense(3, dtype="float16")]
)
def test_other_layers_run_whole(layer):
    assert updatable(layer) is None


def test_what_does_not_fit_is_computed_again():
    model, (x, y) = conv_model(), images(20)
    graph = kp.trace(model)
    everything = np.ones(graph.num_ids)
    candidates = np.flatnonzero(~graph.frozen)
    found = {}
    for memory in (0.03, 8):
        ablation = Ablation(model, graph, Sampling((x, y), SPARSE, batch_size=4), memory=memory)
        found[memory] = ablation(everything, candidates)
        held = sum(array.nbytes for arrays in ablation._fronts.values() for array in arrays)
        running = max(4 * t.plan.floats * t.at_once * ablation.data.size for t in ablation._tails.values())
        assert held <= memory * 2**20 / 2 and running <= memory * 2**20 / 4
        assert (len(ablation._fronts) < len(ablation.data.batches)) == (memory == 0.03)
    np.testing.assert_allclose(found[0.03], found[8], atol=1e-6)


def test_only_what_depends_on_a_channel_runs_again():
    model = dense_model(6, 5, 3, activation="relu")
    graph = kp.trace(model)
    data = np.zeros((4, 4), "float32"), np.zeros((4, 3), "float32")
    first, second = Ablation(model, graph, Sampling(data, "mse", batch_size=4), memory=1).plans
    assert [type(step) for step in second.steps] == [Update]
    assert not any(step.call.path.startswith("dense0") for step in first.steps)


def test_too_little_memory_is_said():
    model, data = conv_model(), images()
    with pytest.raises(DataError, match=r"one sample take .* MiB.*four times.*memory=0.0001"):
        score(model, kp.trace(model), "oracle", data, loss=SPARSE, memory=1e-4)
    with pytest.raises(ValueError, match=r"`memory` must be .* Received: memory=0"):
        Oracle(memory=0)


def test_a_loss_that_is_not_finite_is_said():
    model = dense_model(3, 2)
    x = np.zeros((4, 4), "float32")
    with pytest.raises(DataError, match="not finite"):
        score(model, kp.trace(model), "oracle", (x, np.full((4, 2), np.inf)), loss="mse")
