"""Operations of `keras.ops`: each, behind a layer whose channels can go, is cut right and holds back only its own."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.backends import not_on_torch
from tests.laws.check_slim import assert_slims_right

pytestmark = pytest.mark.backend

layers, ops = keras.layers, keras.ops
VECTOR = np.linspace(-1, 1, 6).astype("float32")
MATRIX = np.linspace(-1, 1, 24).reshape(6, 4).astype("float32")
BLOCK = np.linspace(-1, 1, 30).reshape(1, 5, 6).astype("float32")


@keras.saving.register_keras_serializable("tests")
def mean_of_steps(tensor):
    return tensor - ops.mean(tensor, axis=1, keepdims=True)


# (batch, 5, 6) with 6 channels to anything; the channels of the layer before can go.
FREE = {
    "split into equal parts": lambda t: ops.split(t, 2, axis=-1),
    "split at places": lambda t: ops.split(t, [1, 4], axis=-1),
    "split along another axis": lambda t: ops.split(t, 5, axis=1),
    "a slice of the channels": lambda t: t[..., 1:4],
    "a slice from the end": lambda t: t[:, :, -4:-1],
    "one step": lambda t: t[:, 2],
    "a slice of steps": lambda t: t[:, 1:5:2],
    "a new axis": lambda t: t[:, None, ..., None],
    "reversed": lambda t: t[..., ::-1],
    "a key of one number": lambda t: ops.expand_dims(t, 0)[0],
    "swap": lambda t: ops.swapaxes(t, 1, 2),
    "move": lambda t: ops.moveaxis(t, 2, 1),
    "move several": lambda t: ops.moveaxis(t[:, None], (3, 1), (1, 3)),
    "repeat": lambda t: ops.repeat(t, 2, axis=-1),
    "repeat steps unequally": lambda t: ops.repeat(t, np.array([1, 2, 1, 2, 1]), axis=1),
    "tile": lambda t: ops.tile(t, (1, 2, 3)),
    "tile the last axis": lambda t: ops.tile(t, 2),
    "flip": lambda t: ops.flip(t, axis=-1),
    "flip steps": lambda t: ops.flip(t, axis=1),
    "roll steps": lambda t: ops.roll(t, 2, axis=1),
    "stack": lambda t: ops.stack([t, layers.Dense(6)(t)], axis=2),
    "stack with a constant": lambda t: ops.stack([t[0], BLOCK[0]]),
    "concatenate with a constant": lambda t: ops.concatenate([t, BLOCK], axis=0),
    "concatenate a constant to the channels": lambda t: ops.expand_dims(
        ops.concatenate([t[0], MATRIX[:5]], axis=-1), 0
    ),
    "unstack steps": lambda t: ops.unstack(t, axis=1),
    "take steps": lambda t: ops.take(t, [0, 3, 3], axis=1),
    "broadcast": lambda t: ops.broadcast_to(t[0, :1], (4, 5, 6)),
    "cumsum": lambda t: ops.cumsum(t, axis=-1),
    "cumsum of steps": lambda t: ops.cumsum(t, axis=1),
    "cumprod of steps": lambda t: ops.cumprod(t, axis=1),
    "norm": lambda t: ops.norm(t, axis=(-1,), keepdims=True),
    "norm of a matrix": lambda t: ops.norm(t, axis=(1, 2))[:, None],
    "normalize": lambda t: ops.normalize(t, axis=-1),
    "argmax of steps": lambda t: ops.cast(ops.argmax(t, axis=1), "float32"),
    "sort steps": lambda t: ops.sort(t, axis=1),
    "any": lambda t: ops.cast(ops.any(ops.greater(t, 0.0), axis=-1), "float32"),
    "count": lambda t: ops.cast(ops.count_nonzero(t, axis=-1), "float32"),
    "where": lambda t: ops.where(ops.greater(t, 0.1), t, VECTOR),
    "zeros like": lambda t: t + ops.zeros_like(t) - ops.full_like(t, 2.0),
    "glu": lambda t: ops.glu(t, axis=-1),
    "glu of other axes": lambda t: ops.glu(t[:, :4], axis=1),
    "squeeze all axes of length 1": lambda t: ops.expand_dims(ops.squeeze(t[:, :1]), 1),
    "a constant for every step": lambda t: layers.Rescaling(np.ones((5, 1), "float32"))(t),
    "softmax of steps": lambda t: ops.softmax(t, axis=1),
    "clip": lambda t: ops.clip(t, -0.5, 0.5),
    "matmul with a constant": lambda t: ops.matmul(t, MATRIX),
    "matmul with itself": lambda t: ops.matmul(t, ops.transpose(t, (0, 2, 1))),
    "matmul the other way": lambda t: layers.Dense(2)(ops.matmul(ops.transpose(t, (0, 2, 1)), t)),
    "matmul with a vector": lambda t: ops.matmul(t, VECTOR),
    "dot": lambda t: ops.dot(t, MATRIX),
    "tensordot": lambda t: ops.tensordot(t, MATRIX, axes=1),
    "tensordot of axes": lambda t: ops.tensordot(t, BLOCK, axes=[[1, 2], [1, 2]]),
    "einsum": lambda t: ops.einsum("btc,bsc->bts", t, layers.Dense(6)(t)),
    "einsum with a constant": lambda t: ops.einsum("...c,cd->...d", t, MATRIX),
    "einsum that ties": lambda t: ops.einsum("btc,bsc->bc", t, layers.Dense(6)(t)),
    "einsum of one": lambda t: ops.einsum("btc->bct", t),
    "dot layer": lambda t: layers.Dot(axes=2)([t, layers.Dense(6)(t)]),
    "dot layer, normalised": lambda t: layers.Dot(axes=2, normalize=True)([t, layers.Dense(6)(t)]),
    "dot layer of vectors": lambda t: layers.Dot(axes=1)([t[:, 0], layers.Dense(6)(t)[:, 1]]),
    "dot layer of other axes": lambda t: layers.Dense(2)(layers.Dot(axes=(1, 1))([t, t])),
    "masking": lambda t: layers.Masking()(layers.ReLU()(t)),
    "groups": lambda t: layers.GroupNormalization(3)(t),
    "a group for each channel": lambda t: layers.GroupNormalization(-1)(t),
    "unit normalization": lambda t: layers.UnitNormalization()(t),
    "adaptive pooling": lambda t: layers.AdaptiveAveragePooling1D(2)(t),
}

# What these take stays, with a reason with these words in it.
FROZEN = {
    "picks this channel by its number": lambda t: t[..., 2],
    "takes every 2. of these channels": lambda t: t[..., ::2],
    "takes the axis of these channels apart": lambda t: ops.unstack(t, axis=-1),
    "picks them by their place": lambda t: ops.take(t, [0, 3], axis=-1),
    "moves these channels by a number of places": lambda t: ops.roll(t, 1, axis=-1),
    "repeats entries of several axes": lambda t: ops.repeat(t, np.array([1, 2, 1, 2, 1, 1]), axis=-1),
    "works along the axis of these channels": lambda t: ops.sort(t, axis=-1),
    "works along all axes at once": lambda t: ops.expand_dims(ops.cumsum(t[0]), 0),
    "picks from these channels": lambda t: ops.top_k(t, 2)[0],
    "Argmax `op` reduces over these channels": lambda t: ops.cast(ops.argmax(t, axis=-1), "float32"),
    "has bounds that differ": lambda t: ops.clip(t, VECTOR - 1, VECTOR),
    "spreads this channel": lambda t: ops.broadcast_to(layers.Dense(1)(t)[0], (4, 5, 6)),
    "multiplies them with values that are not channels": lambda t: ops.matmul(layers.Dense(5)(t), t),
    "is not understood": lambda t: ops.einsum("bcc->bc", t[:, :5, :5]),
    "takes its statistics over all channels": lambda t: layers.GroupNormalization(1, name="op")(t),
    "compares these channels with 1.0": lambda t: layers.Masking(1.0, name="op")(t),
    "the activation mean_of_steps": lambda t: layers.Activation(mean_of_steps)(layers.Permute((2, 1))(t)),
    "beside the tensor": lambda t: layers.Softmax(axis=1)(t, mask=ops.greater(t, -9.0)),
    "along the axis of the samples": lambda t: ops.matmul(t, ops.transpose(layers.Dense(6)(t[0]), (1, 0))),
    "made for data and not for channels": lambda t: layers.RandomContrast(0.1)(t[..., None]),
}


FAILING = {"reversed": "torch takes no negative steps", "count": "Keras counts over all axes on torch"}


def model_of(function):
    """An input, a layer with 6 channels, the function, and a Dense on each of its outputs."""
    x = keras.Input((5, 3))
    results = function(layers.Dense(6, name="before", activation="tanh")(x))
    results = results if isinstance(results, (list, tuple)) else [results]
    return keras.Model(x, [layers.Dense(2)(layers.Flatten()(result)) for result in results])


@pytest.mark.parametrize("name", not_on_torch(FREE, FAILING))
def test_the_channels_before_it_can_go(name):
    model = model_of(FREE[name])
    assert next(group for group in kp.trace(model).groups if "before" in group.makers).frozen is None
    for seed in range(2):
        assert_slims_right(model, np.random.default_rng(seed))


@pytest.mark.parametrize("reason", FROZEN)
def test_what_holds_channels_back_says_why(reason):
    model = model_of(FROZEN[reason])
    graph = kp.trace(model)
    assert any(reason in (group.frozen or "").replace(f"{_operation(group.frozen)}", "`op`") for group in graph.groups)
    assert_slims_right(model, np.random.default_rng(0))


def _operation(sentence):
    """The name in backticks in a sentence."""
    return f"`{sentence.split('`')[1]}`" if sentence and "`" in sentence else "`op`"
