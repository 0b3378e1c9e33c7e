"""`NeuronMask`, `mask` and `strip`: what is read, what is cut, what stays and why."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.slimming import NeuronMask, masked_ids, set_masks
from tests.laws.random_models import randomize
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend


def masks(model: keras.Model) -> list[NeuronMask]:
    return [layer for layer in model.layers if isinstance(layer, NeuronMask)]


def between(*stack, keep=(1, 0, 1, 0, 1, 1), inputs=(5,)) -> keras.Sequential:
    """A Dense layer of six, a mask, the stack, and random weights."""
    model = keras.Sequential(
        [keras.Input(inputs), layers.Dense(6, "relu", name="made"), NeuronMask(name="mask"), *stack]
    )
    randomize(model, np.random.default_rng(0))
    model.get_layer("mask").keep = keep
    return model


def assert_same(first: keras.Model, second: keras.Model, x) -> None:
    for one, other in zip(*(keras.tree.flatten(model(x, training=False)) for model in (first, second)), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other), atol=1e-6)


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Dense(2)],
        [layers.BatchNormalization(), layers.Activation("sigmoid"), layers.Dense(2)],
        [layers.Activation("sigmoid"), layers.Dense(2, use_bias=True)],
        [layers.ReLU(), layers.UnitNormalization(), layers.EinsumDense("ab,bc->ac", 2)],
    ],
)
def test_what_a_mask_removes_is_cut_out_and_constants_move(stack):
    model = between(*stack)
    small = kp.slim(model)
    assert small.get_layer("made").units == 4
    assert isinstance(small, keras.Sequential)
    assert not masks(small)
    assert kp.verify(model) < 1e-6
    assert_same(model, kp.strip(model), np.ones((2, 5)))


def test_what_strip_leaves_are_zeros_and_the_same_shapes():
    model = between(layers.Dense(2, name="reader"))
    plain = kp.strip(model)
    assert not masks(plain)
    assert np.array_equal(keras.ops.convert_to_numpy(plain.get_layer("reader").kernel).any(axis=1), [1, 0, 1, 0, 1, 1])
    assert plain.get_layer("made").units == 6
    with pytest.raises(kp.GraphError, match="nothing to strip"):
        kp.strip(plain)


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        ([], "`mask` is an output of the model"),
        ([layers.Activation("sigmoid"), layers.Dense(2, use_bias=False)], "not all that read these channels read zero"),
        ([layers.Softmax(name="softmax"), layers.Dense(2)], "mixes these channels"),
    ],
)
def test_a_mask_that_cannot_go_stays_with_the_reason(stack, reason):
    model = between(*stack)
    with pytest.warns(UserWarning, match=f"`mask`: it stays, with 2 channels removed: .*{reason}"):
        small = kp.slim(model)
    assert [mask.keep.tolist() for mask in masks(small)] == [[True, False, True, False, True, True]]
    assert_same(model, small, np.ones((2, 5)))
    assert_same(model, kp.strip(model), np.ones((2, 5)))
    assert reason in kp.Report.of_model(model).left_alone["mask"]


@pytest.mark.filterwarnings("ignore:.*it stays")
def test_a_stream_masked_on_one_branch_keeps_its_channels():
    inputs = keras.Input((5,))
    stream = layers.Dense(6, name="stream")(inputs)
    branch = layers.Dense(6, name="branch")(NeuronMask(name="mask")(stream))
    model = keras.Model(inputs, layers.Dense(2)(layers.Add()([stream, branch])))
    randomize(model, np.random.default_rng(0))
    model.get_layer("mask").keep = [1, 0, 1, 1, 1, 0]
    small, plain = kp.slim(model), kp.strip(model)
    assert small.get_layer("stream").units == 6 and len(masks(small)) == 1
    assert not masks(plain)  # where only weights read the masked branch, zeros in them are enough
    for other in (small, plain):
        assert_same(model, other, np.ones((2, 5)))


def test_a_masked_model_trains_is_saved_and_slims(tmp_path):
    model = conv_model()
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.free_groups[0].ids[:2]] = False
    model.compile("adam", "sparse_categorical_crossentropy")
    masked = kp.mask(model, keep)
    x, y = images(16)
    assert_same(kp.masked(model, graph, keep), masked, x)
    masked.fit(x, y, epochs=1, verbose=0)
    masked.save(tmp_path / "masked.keras")
    loaded = keras.saving.load_model(tmp_path / "masked.keras", safe_mode=True)
    assert_same(masked, loaded, x)
    small = kp.slim(loaded)
    assert small.get_layer("first").filters == 4
    assert not masks(small)
    assert kp.verify(loaded, small=small) < 1e-6


def test_channels_come_back_by_hand_and_by_rerank():
    model = dense_model(6, 5, 3, activation="relu")
    keep = kp.trace(model).keep_all()
    keep[[1, 2]] = False
    masked = kp.mask(model, keep)
    other = kp.trace(masked).keep_all()
    other[[3, 8]] = False
    set_masks(masked, other)
    assert [mask.keep.tolist() for mask in masks(masked)] == [[True, True, False, True, True, True]]
    kernel = np.ones((4, 6))
    kernel[:, [0, 4]] = 1e-3  # by magnitude, these two go
    masked.layers[1].set_weights([kernel, np.zeros(6)])
    set_masks(masked, keep)
    masked.compile(keras.optimizers.SGD(1e-6), "mse")
    masked.fit(np.ones((8, 4)), np.ones((8, 3)), epochs=1, verbose=0, callbacks=[kp.Rerank("magnitude")])
    assert masks(masked)[0].keep.tolist() == [False, True, True, True, False, True]
    assert kp.slim(masked).layers[1].units == 4


def test_a_mask_cuts_with_the_channels_in_front_of_it():
    model = between(layers.Dense(2))
    graph = kp.trace(model)
    assert {path: ids.tolist() for path, ids in masked_ids(model, graph).items()} == {"mask": [1, 2, 3, 4, 5, 6]}
    keep = graph.keep_all()
    keep[[1, 2]] = False
    small = kp.slim(model, graph, keep)
    assert masks(small)[0].keep.tolist() == [True, False, True, True]
    assert kp.verify(model, graph, keep, small) < 1e-6


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NeuronMask(axis=0), kp.OptionError, "batch axis"),
        (lambda: NeuronMask([True])(np.ones((1, 2))), kp.OptionError, "must have 2 entries.*Received: 1 entries"),
        (lambda: NeuronMask(axis=-2)(np.ones((1, 2))), kp.OptionError, "axes behind that of the samples"),
        (lambda: setattr(NeuronMask(), "keep", [1]), kp.OptionError, "is not built"),
        (lambda: setattr(between().get_layer("mask"), "keep", [1]), kp.OptionError, "one entry for each of 6 channels"),
        (lambda: kp.mask(dense_model(6, 3), np.ones(3, bool)), kp.GraphError, r"boolean array of shape \(10,\)"),
        (lambda: set_masks(dense_model(6, 3), np.ones(10, bool)), kp.GraphError, "has no masks"),
    ],
)
def test_bad_input_is_told_in_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_mask_stays_where_channels_pass_a_layer_that_makes_others():
    inputs = keras.Input((5, 4))
    channels_first = layers.Permute((2, 1))(layers.Dense(6)(inputs))
    mask = NeuronMask(axis=1)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Dense(3)(mask(channels_first)))))
    randomize(model, np.random.default_rng(0))
    mask.keep = [True, False, True, True, False, True]
    x = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    assert_same(model, kp.strip(model), x)
    assert_same(model, kp.slim(model), x)
