"""The probe measures what it says: derivatives, losses and statistics where channels are read."""

import keras
import numpy as np
import pytest
from keras import ops

import kerasprune as kp
from kerasprune.core import DataError, GraphError
from kerasprune.criteria import score
from kerasprune.evidence import Probe, Sampling
from tests.laws.random_models import randomize
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

layers = keras.layers
LOSS = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def model():
    model = conv_model()
    model.compile(loss=LOSS)
    return model


@pytest.fixture(scope="module")
def graph(model):
    return kp.trace(model)


@pytest.fixture(scope="module")
def probe(model, graph):
    return Probe(model, graph, Sampling(batch_size=4))


def test_the_loss_is_that_of_evaluate(model, probe):
    x, y = images()
    np.testing.assert_allclose(probe.mean_loss((x, y)), model.evaluate(x, y, verbose=0), rtol=1e-5)


def test_a_keep_as_gain_gives_the_loss_of_the_masked_model(model, graph, probe):
    x, y = images()
    keep = graph.keep_all()
    for group in graph.free_groups:
        keep[group.ids[::2]] = False
    other = kp.masked(model, graph, keep)
    other.compile(loss=LOSS)
    np.testing.assert_allclose(probe.mean_loss((x, y), keep), other.evaluate(x, y, verbose=0), rtol=1e-5)


def test_gradients_are_those_of_the_loss_in_the_gains(graph, probe):
    x, y = images()
    mean = np.concatenate(list(probe.gradients((x, y)))).mean(axis=0)
    direction = np.random.default_rng(0).normal(size=graph.num_ids)
    step = 1e-2
    ahead, behind = (probe.mean_loss((x, y), 1 + sign * step * direction) for sign in (1, -1))
    free = ~graph.frozen
    np.testing.assert_allclose((ahead - behind) / (2 * step), mean[free] @ direction[free], rtol=0.02)


def test_gradients_come_sample_by_sample_and_in_order(model, graph, probe):
    x, y = images()
    rows = list(probe.gradients((x, y)))
    assert [len(part) for part in rows] == [4, 4, 2]
    alone = np.concatenate([part for i in range(10) for part in probe.gradients((x[i : i + 1], y[i : i + 1]))])
    np.testing.assert_allclose(np.concatenate(rows), alone, atol=1e-6)


def test_large_batches_are_cut_and_the_limit_is_kept(model, graph):
    probe = Probe(model, graph, Sampling(batch_size=3, limit=8))
    x, y = images()
    assert [len(part) for part in probe.gradients([(x[:7], y[:7]), (x[7:], y[7:])])] == [3, 3, 1, 1]


def test_sample_weights_count(graph, probe):
    x, y = images(4)
    weight = np.array([0.0, 1, 2, 0.5])
    (plain,) = probe.gradients((x, y))
    (weighted,) = probe.gradients((x, y, weight))
    np.testing.assert_allclose(weighted, plain * weight[:, None], atol=1e-6)


def test_the_user_s_model_stays_as_it_is(model, graph):
    before = [w.copy() for w in model.get_weights()]
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    flags = [w.trainable for w in model.weights]
    score(model, graph, "taylor", images())
    score(model, graph, "activation", images())
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    assert [w.trainable for w in model.weights] == flags
    assert model(images()[0]).shape == (10, 5)


def test_statistics_are_means_over_samples_positions_and_readers():
    x = keras.Input((2, 3))
    h = layers.Conv1D(2, 1, use_bias=False, name="made")(x)
    model = keras.Model(x, [layers.Conv1D(1, 1, name="a")(h), layers.Dense(1, name="b")(layers.Flatten()(h))])
    model.get_layer("made").set_weights([np.array([[[1, 0], [0, -2], [0, 0]]], "float32")])
    graph = kp.trace(model)
    data = np.array([[[1, 0, 0], [3, 1, 0]], [[0, 0, 0], [0, 4, 0]], [[0, 0, 0], [0, 0, 0]]], "float32")
    ids = graph.groups[0].ids
    for batch_size in (1, 2, 32):
        magnitude = score(model, graph, "activation", data, batch_size=batch_size, normalization="none")
        np.testing.assert_allclose(magnitude[ids], [4 / 6, 10 / 6], rtol=1e-6)
        active = score(model, graph, "activation", data, batch_size=batch_size, kind="apoz", normalization="none")
        np.testing.assert_allclose(active[ids], [2 / 6, 2 / 6], rtol=1e-6)


def test_taylor_is_made_of_the_gradients(model, graph, probe):
    x, y = images()
    rows = np.concatenate(list(probe.gradients((x, y))))
    free = ~graph.frozen
    options = {"data": (x, y), "batch_size": 5, "normalization": "none"}
    absolute = score(model, graph, "taylor", form="absolute", **options)
    np.testing.assert_allclose(absolute[free], np.abs(rows).mean(0)[free], rtol=1e-4)
    squared = score(model, graph, "taylor", form="squared", **options)
    expected = np.square(rows.reshape(2, 5, -1).mean(axis=1)).mean(axis=0)
    np.testing.assert_allclose(squared[free], expected[free], rtol=1e-3, atol=1e-10)


def test_several_inputs_and_outputs_are_matched_by_name_and_weighted():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    h = layers.Concatenate()([layers.Dense(4, activation="relu")(left), layers.Dense(3)(right)])
    outputs = {"number": layers.Dense(1, name="number")(h), "kind": layers.Dense(3, "softmax", name="kind")(h)}
    model = keras.Model([left, right], outputs)
    model.compile(loss={"number": "mse", "kind": LOSS}, loss_weights={"number": 0.5, "kind": 2.0})
    rng = np.random.default_rng(0)
    x = {"left": rng.normal(size=(7, 3)).astype("float32"), "right": rng.normal(size=(7, 2)).astype("float32")}
    y = {"number": rng.normal(size=(7, 1)).astype("float32"), "kind": rng.integers(0, 3, 7)}
    probe = Probe(model, kp.trace(model), Sampling(batch_size=3))
    expected = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(probe.mean_loss((x, y)), expected, rtol=1e-5)
    listed = ([x["left"], x["right"]], y)
    np.testing.assert_allclose(probe.mean_loss(listed), expected, rtol=1e-5)


def test_a_loss_per_position_is_averaged_over_the_positions_of_a_sample():
    x = keras.Input((4, 3))
    model = keras.Model(x, layers.Dense(2, "softmax")(layers.Dense(5, "relu")(x)))
    data = (np.random.default_rng(0).normal(size=(6, 4, 3)).astype("float32"), np.arange(24).reshape(6, 4) % 2)
    model.compile(loss=LOSS)
    probe = Probe(model, kp.trace(model), Sampling())
    np.testing.assert_allclose(probe.mean_loss(data), model.evaluate(*data, verbose=0), rtol=1e-5)


def test_masked_positions_do_not_count():
    x = keras.Input((4,), dtype="int32")
    h = layers.Embedding(6, 5, mask_zero=True)(x)
    model = keras.Model(x, layers.Dense(2, "softmax")(layers.Dense(3, "relu")(h)))
    randomize(model, np.random.default_rng(0))
    tokens = np.array([[1, 2, 0, 0], [3, 4, 0, 0]])
    labels = np.array([[0, 1, 0, 1], [1, 1, 1, 1]])
    model.compile(loss=LOSS)
    probe = Probe(model, kp.trace(model), Sampling())
    other = np.where(tokens == 0, 1 - labels, labels)
    np.testing.assert_allclose(probe.mean_loss((tokens, labels)), probe.mean_loss((tokens, other)), rtol=1e-6)
    np.testing.assert_allclose(probe.mean_loss((tokens, labels)), model.evaluate(tokens, labels, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("loss", [lambda y, p: ops.sum(ops.square(p - y), axis=-1), keras.losses.MeanSquaredError()])
def test_a_loss_may_be_a_function_or_an_object(loss):
    model = dense_model(4, 2)
    x, y = np.ones((3, 4), "float32"), np.zeros((3, 2), "float32")
    scale = 1 if isinstance(loss, keras.losses.Loss) else 2
    expected = scale * np.square(model.predict(x, verbose=0)).mean()
    np.testing.assert_allclose(
        Probe(model, kp.trace(model), Sampling(loss=loss)).mean_loss((x, y)), expected, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "There is no data"),
        (images()[0], "needs labels, and the data has none"),
        ((images()[0][:0], images()[1][:0]), "empty"),
        ((images()[0][:, :7], images()[1]), r"shape \(None, 8, 8, 2\)\. Received data of shape \(10, 7, 8, 2\)"),
        ((images()[0], images()[1][:9]), "same number of samples"),
        ((images()[0], images()[1] + 1), "class numbers from 0 to 4. Received: 1 to 5"),
        ((images()[0], np.eye(5)[images()[1]]), r"takes one class number.*\(10, 5\)"),
        ((images()[0] * np.nan, images()[1]), "the data for input.*NaN"),
        (((images()[0], images()[0]), images()[1]), "has 1 inputs.*the data has 2"),
        ((images()[0], images()[1], np.ones((10, 2))), "one number per sample"),
    ],
)
def test_data_that_does_not_fit_is_one_clear_error(model, graph, data, message):
    with pytest.raises(DataError, match=f"(?i){message}"):
        score(model, graph, "taylor", data)


def test_labels_of_another_shape_are_refused_where_they_cannot_be_broadcast():
    model = dense_model(4, 3)
    with pytest.raises(DataError, match=r"'mean_squared_error' takes labels of the shape.*\(3,\).*\(5, 2\)"):
        score(model, kp.trace(model), "taylor", (np.ones((5, 4)), np.ones((5, 2))), loss="mse")


def test_a_missing_loss_and_an_unknown_one_are_clear_errors():
    model = dense_model(4, 3)
    data = (np.ones((5, 4)), np.ones((5, 3)))
    with pytest.raises(DataError, match="needs a loss.*Pass one"):
        score(model, kp.trace(model), "taylor", data[0])
    with pytest.raises(DataError, match="There is no loss 'mze'"):
        score(model, kp.trace(model), "taylor", data, loss="mze")


def test_a_loss_that_is_one_number_for_a_whole_batch_counts_as_the_same_one_per_sample():
    def whole(y_true, y_pred):
        return ops.mean(ops.square(y_pred - y_true))

    model = dense_model(4, 3, 3)
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(5, 4)), rng.normal(size=(5, 3)))
    for name in ("taylor", "oracle"):
        found, expected = (
            score(model, kp.trace(model), name, data, loss=loss, batch_size=2) for loss in (whole, "mse")
        )
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_first_layer_that_reads_nan_is_named():
    model = dense_model(5, 4, 3, 2)
    model.get_layer("dense1").bias.assign([np.nan] * 4)
    data = (np.ones((6, 4)), np.ones((6, 2)))
    with pytest.raises(DataError, match="What 'dense2' reads holds NaN"):
        score(model, kp.trace(model), "taylor", data, loss="mse")


def test_a_loss_that_is_not_finite_is_blamed_where_the_activations_are_fine(model, graph):
    with pytest.raises(DataError, match="derivatives of the loss hold NaN"):
        score(model, graph, "taylor", images(), loss=lambda y, p: ops.sum(p, axis=-1) / 0.0)


def test_a_model_in_which_nothing_is_read_is_refused_with_advice():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(3)(x))
    with pytest.raises(GraphError, match="Use a criterion that looks at weights"):
        score(model, kp.trace(model), "activation", np.ones((2, 4)))


def test_what_is_read_only_inside_a_layer_stays():
    x = keras.Input((6, 8))
    h = layers.Dense(4, name="before")(x)
    h = layers.MultiHeadAttention(2, 3, name="attention")(h, h)
    model = keras.Model(x, layers.Dense(3)(layers.Dense(5, name="after")(h)))
    graph = kp.trace(model)
    inside = np.zeros(graph.num_ids, bool)
    for weight in graph.weights:
        for axis in weight.inner:
            inside[weight.axes[axis]] = True
    assert inside.any()
    data = (np.random.default_rng(0).normal(size=(5, 6, 8)), np.zeros((5, 6, 3)))
    for name in ("activation", "taylor"):
        scores = score(model, graph, name, data, loss="mse")
        np.testing.assert_array_equal(np.isposinf(scores), graph.frozen | inside)


def test_a_progress_bar_is_shown_on_request_only_and_beside_the_output(model, graph, monkeypatch):
    shown = []

    def track(items, description, total, console, **options):
        shown.append((description, total, console.stderr))
        return items

    monkeypatch.setattr("rich.progress.track", track)
    score(model, graph, "activation", images(), batch_size=4)
    assert shown == []
    score(model, graph, "activation", images(), batch_size=4, progress=True)
    score(model, graph, "taylor", (images() for _ in range(2)), limit=15, progress=True)
    assert shown == [("activations", 3, True), ("gradients", 2, True)]
