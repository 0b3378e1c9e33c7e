"""What every registered criterion obeys."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import CRITERIA, score
from kerasprune.evidence import Ablation, Probe, Sampling
from kerasprune.graph import unroll
from tests.laws.random_models import from_generator, random_keep, random_model, randomize
from tests.small_models import conv_model, images

pytestmark = [pytest.mark.backend, pytest.mark.processor]

LOSS = "sparse_categorical_crossentropy"


def permuted(model, graph, rng):
    """A model that computes the same with its channels in another order, and the new place of every id."""
    place = np.arange(graph.num_ids)
    for group in graph.free_groups:
        place[group.ids] = rng.permutation(group.ids)
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    for weight in graph.weights:
        variable = other.get_layer(weight.layer).weights[weight.index]
        value = keras.ops.convert_to_numpy(variable)
        for axis, labels in enumerate(weight.axes):
            if labels is not None:
                value = np.take(value, moved(labels, place), axis)
        variable.assign(value)
    return other, place


def moved(labels, place):
    """For every position along an axis, the old position of what moves there: entries keep their rank within the id."""
    rank = np.zeros(len(labels), int)
    for label in np.unique(labels):
        rank[labels == label] = np.arange((labels == label).sum())
    old = {(place[label], r): position for position, (label, r) in enumerate(zip(labels, rank, strict=True))}
    return np.array([old[label, r] for label, r in zip(labels, rank, strict=True)])


@pytest.mark.parametrize("name", [name for name in CRITERIA if name != "random"])
def test_permuting_the_channels_permutes_the_scores(name):
    model, (x, y) = conv_model(), images()
    graph = kp.trace(model)
    other, place = permuted(model, graph, np.random.default_rng(1))
    np.testing.assert_allclose(other.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    before = score(model, graph, name, (x, y), loss=LOSS)
    after = score(other, graph, name, (x, y), loss=LOSS)
    assert len(np.unique(before[~graph.frozen])) > 3
    np.testing.assert_allclose(after[place], before, rtol=1e-3)


def shared():
    """One Dense layer read at two places."""
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    hidden, norm = layers.Dense(6, activation="relu", name="shared"), layers.BatchNormalization()
    summed = norm(layers.Add()([hidden(left), hidden(right)]))
    return keras.Model([left, right], layers.Dense(3, activation="softmax")(summed))


def concatenated():
    """Two branches side by side, one of them read twice."""
    x = keras.Input((4,), name="left")
    first, second = layers.Dense(5, activation="relu")(x), layers.Dense(4, activation="tanh")(x)
    joined = layers.BatchNormalization()(layers.Concatenate()([first, second, first]))
    return keras.Model(x, layers.Dense(3, activation="softmax")(layers.Dense(4, activation="relu")(joined)))


def recurrent():
    """A recurrent layer that returns every step, and one that returns the last."""
    x = keras.Input((5, 4), name="left")
    h = layers.GRU(4)(layers.BatchNormalization()(layers.LSTM(5, return_sequences=True)(x)))
    return keras.Model(x, layers.Dense(3, activation="softmax")(h))


def samples_for(model):
    """Ten samples for every input, and their classes."""
    rng = np.random.default_rng(2)
    x = {tensor.name: rng.normal(size=(10, *tensor.shape[1:])).astype("float32") for tensor in model.inputs}
    return (list(x.values()) if len(x) > 1 else x["left"]), rng.integers(0, 3, 10)


# No second derivatives are known of a recurrent layer; the sentence says what else to take.
REFUSED = {("quadratic", "recurrent")}


@pytest.mark.parametrize("build", [shared, concatenated, recurrent], ids=lambda build: build.__name__)
@pytest.mark.parametrize("name", [name for name in CRITERIA if name != "random"])
def test_permuting_the_channels_permutes_the_scores_in_other_topologies(name, build):
    keras.utils.set_random_seed(0)
    model = build()
    randomize(model, np.random.default_rng(0))
    data = samples_for(model)
    graph = kp.trace(model)
    if (name, build.__name__) in REFUSED:
        with pytest.raises(DataError, match="Use 'gauss_newton'"):
            score(model, graph, name, data, loss=LOSS)
        return
    other, place = permuted(model, graph, np.random.default_rng(1))
    np.testing.assert_allclose(other.predict(data[0], verbose=0), model.predict(data[0], verbose=0), atol=1e-5)
    before = score(model, graph, name, data, loss=LOSS)
    after = score(other, graph, name, data, loss=LOSS)
    np.testing.assert_allclose(after[place], before, rtol=1e-3, atol=1e-7)
    assert (place != np.arange(graph.num_ids)).any()


@pytest.mark.parametrize("name", CRITERIA)
def test_the_same_seed_gives_the_same_scores(name):
    model, data = conv_model(), images()
    graph = kp.trace(model)
    first, second = (score(model, graph, name, data, loss=LOSS, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_another_seed_gives_other_random_scores():
    model = conv_model()
    graph = kp.trace(model)
    assert not np.array_equal(score(model, graph, "random", seed=0), score(model, graph, "random", seed=1))


@pytest.mark.parametrize("name", CRITERIA)
def test_every_free_channel_gets_a_number(name):
    model, data = conv_model(), images()
    graph = kp.trace(model)
    scores = score(model, graph, name, data, loss=LOSS)
    assert scores.shape == (graph.num_ids,) and scores.dtype == float
    assert not np.isnan(scores).any()
    assert np.isfinite(scores[graph.groups[0].ids]).all()


@pytest.mark.parametrize("seed", range(4))
def test_on_any_model_a_keep_as_gain_is_the_masked_model(seed):
    assert_gains_mask(np.random.default_rng(seed))


def assert_gains_mask(rng):
    """The loss that the probe measures under a keep is that of the masked model, on a random model."""
    model = random_model(from_generator(rng))
    randomize(model, rng)
    graph = kp.trace(model)
    if not any(axes for call in graph.calls for axes in call.reads):
        return
    keep = graph.complete(random_keep(graph, rng))
    x = [rng.normal(size=(3, *shape[1:])).astype("float32") for shape in graph.input_shapes]
    masked = keras.tree.flatten(kp.masked(model, graph, keep)(x, training=False))
    outputs = [keras.ops.convert_to_numpy(output) for output in masked]
    expected = sum(np.square(output.astype(float)).mean() for output in outputs)
    data = (x, [np.zeros_like(output) for output in outputs])
    found = Probe(model, graph, Sampling(loss=["mse"] * len(outputs), batch_size=2)).mean_loss(data, keep)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", [12, 16, 34, 37])  # of attention, branches, EinsumDense, products and pooling
def test_on_any_model_the_oracle_tries_every_channel(seed):
    rng = np.random.default_rng(seed)
    model = random_model(from_generator(rng), max_steps=5)
    randomize(model, rng)
    model = unroll(model)
    graph = kp.trace(model)
    x = [rng.normal(size=(3, *shape[1:])).astype("float32") for shape in graph.input_shapes]
    outputs = keras.tree.flatten(model(x, training=False))
    data, loss = (x, [np.zeros(output.shape, "float32") for output in outputs]), ["mse"] * len(outputs)
    gain = graph.complete(random_keep(graph, rng)).astype(float)
    probe = Probe(model, graph, Sampling(loss=loss, batch_size=2))
    tried = np.flatnonzero(~graph.frozen & ~probe.unseen & (gain > 0))
    assert len(tried)
    found = Ablation(model, graph, Sampling(data, loss, batch_size=2), memory=1)(gain, tried)
    before = probe.mean_loss(data, gain)
    for channel, change in rng.permutation(list(zip(tried, found, strict=True)))[:4]:
        without = gain.copy()
        without[int(channel)] = 0.0
        assert change == pytest.approx(probe.mean_loss(data, without) - before, abs=1e-5 * max(1.0, before))
