"""`obs`, `reconstruction` and `correlation` say what a removal costs when the channels that stay repay it."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import elimination, ranking, score
from kerasprune.criteria.elimination import Witness, eliminate
from kerasprune.evidence import Sampling
from kerasprune.evidence.directions import directions
from kerasprune.evidence.losses import known_loss
from kerasprune.graph import Opened
from tests.laws.random_models import randomize
from tests.small_models import conv_model, images

pytestmark = pytest.mark.processor

RNG = np.random.default_rng


def missing(values, kernel, gone) -> float:
    """The mean squared error, summed over the outputs, after the best repayment."""
    gone = list(gone)
    kept = np.delete(values, gone, axis=1)
    design = np.column_stack([kept, np.ones(len(values))])
    target = values[:, gone] @ kernel[gone]
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(np.square(target - fitted).sum(axis=1).mean())


@pytest.fixture(scope="module")
def values():
    """Values of eight entries that are correlated, and weights that read them."""
    rng = RNG(0)
    return rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)), rng.normal(size=(8, 3))


def share(values, kernel, members) -> Witness:
    return Witness(np.linalg.inv(np.cov(values.T, bias=True)), kernel @ kernel.T, [np.array(m, int) for m in members])


@pytest.mark.parametrize("members", [[[n] for n in range(8)], [[0, 4], [1, 5], [2, 6], [3, 7]], [[0], [1, 2], [], [3]]])
def test_eliminations_cost_what_least_squares_leave(values, members):
    x, kernel = values
    part = share(x, kernel, members)
    gone, alive = [], np.ones(len(members), bool)
    for _ in range(len(members) - 1):
        before = missing(x, kernel, gone) if gone else 0.0
        expected = [missing(x, kernel, [*gone, *entries]) - before if entries else 0.0 for entries in members]
        np.testing.assert_allclose(part.costs(alive)[alive], np.array(expected)[alive], rtol=1e-6)
        cheapest = int(np.where(alive, expected, np.inf).argmin())
        alive[cheapest] = False
        part.remove(np.array([cheapest]))
        gone += members[cheapest]


def test_the_order_is_greedy_and_the_costs_do_not_fall(values):
    x, kernel = values
    costs = eliminate([share(x, kernel, [[n] for n in range(8)])], 8)
    alone = [missing(x, kernel, [entry]) for entry in range(8)]
    first = int(np.argmin(alone))
    assert costs.argmin() == first
    np.testing.assert_allclose(costs[first], alone[first], rtol=1e-6)
    order = np.argsort(costs)
    pair = missing(x, kernel, order[:2]) - alone[first]
    np.testing.assert_allclose(costs[order[1]], max(pair, alone[first]), rtol=1e-6)


def test_what_costs_nothing_once_another_is_gone_does_not_go_before_it():
    x = RNG(0).normal(size=(50, 3))
    x[:, 1] = x[:, 0] + 0.3 * x[:, 1]  # with weights 1 and -1 they all but cancel
    costs = eliminate([share(x, np.array([[1.0], [-1.0], [5.0]]), [[0], [1], [2]])], 3)
    np.testing.assert_allclose(costs[0], costs[1])
    assert costs[2] > costs[0] > 0.01


def test_in_a_wide_group_several_go_at_a_time(values, monkeypatch):
    monkeypatch.setattr(elimination, "MOST_ROUNDS", 3)
    x, kernel = values
    costs = eliminate([share(x, kernel, [[n] for n in range(8)])], 8)
    assert len(np.unique(costs)) <= 3 and (costs > 0).all()


def tanh_net():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "tanh", name="hidden"), layers.Dense(3, name="outputs")]
    )
    randomize(model, RNG(0))
    return model, RNG(1).normal(size=(40, 4)).astype("float32")


def test_obs_is_the_rise_of_the_loss_after_least_squares():
    model, x = tanh_net()
    graph = kp.trace(model)
    hidden = keras.Model(model.inputs, model.get_layer("hidden").output).predict(x, verbose=0).astype(float)
    kernel = model.get_layer("outputs").get_weights()[0]
    alone = [missing(hidden, kernel, [channel]) / 3 for channel in range(5)]  # the mean over the three outputs
    found = score(model, graph, "obs", x, loss="mse", batch_size=16)[graph.groups[0].ids]
    assert found.argmin() == np.argmin(alone)
    np.testing.assert_allclose(found.min(), min(alone), rtol=5e-3)  # the damping


def test_reconstruction_is_the_share_of_the_variance_that_is_lost():
    model, x = tanh_net()
    graph = kp.trace(model)
    hidden = keras.Model(model.inputs, model.get_layer("hidden").output).predict(x, verbose=0).astype(float)
    kernel = model.get_layer("outputs").get_weights()[0]
    variance = np.var(hidden @ kernel, axis=0).sum()
    alone = [missing(hidden, kernel, [channel]) / variance for channel in range(5)]
    found = score(model, graph, "reconstruction", x, batch_size=16)[graph.groups[0].ids]
    np.testing.assert_allclose(found.min(), min(alone), rtol=5e-3)  # the damping


@pytest.mark.parametrize("name", ["obs", "reconstruction", "correlation"])
def test_of_two_that_say_the_same_one_goes_for_nothing(name):
    model, x = tanh_net()
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[:, 3], bias[3] = -kernel[:, 1], -bias[1]
    model.get_layer("hidden").set_weights([kernel, bias])
    graph = kp.trace(model)
    found = score(model, graph, name, x, loss="mse")[graph.groups[0].ids]
    low, high = sorted(found[[1, 3]])
    assert found.argmin() in (1, 3) and low < 1e-4 and high > 10 * low


@pytest.mark.parametrize("name", ["obs", "reconstruction", "correlation"])
def test_a_channel_that_never_changes_costs_nothing(name):
    model, x = tanh_net()
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[:, 2] = 0
    model.get_layer("hidden").set_weights([kernel, bias])
    graph = kp.trace(model)
    found = score(model, graph, name, x, loss="mse")[graph.groups[0].ids]
    assert found.argmin() == 2 and found[2] < 1e-3 * np.median(found)


@pytest.mark.parametrize("name", ["obs", "reconstruction", "correlation"])
def test_after_a_removal_the_others_are_worth_what_they_were_in_their_turn(name):
    model, (x, _) = conv_model(), images(40)
    graph = kp.trace(model)
    sampling = Sampling(x, "sparse_categorical_crossentropy")
    again = ranking(name, Opened.of(model, graph), sampling)
    first = again(np.ones(graph.num_ids))
    np.testing.assert_array_equal(first, score(model, graph, name, x, loss="sparse_categorical_crossentropy"))
    group = graph.free_groups[0]
    gone = group.ids[np.argsort(first[group.ids])[:2]]
    gain = np.ones(graph.num_ids)
    gain[gone] = 0
    second = again(gain)
    assert (second[gone] == -np.inf).all()
    left = np.setdiff1d(group.ids, gone)
    order = np.argsort(first[left])
    np.testing.assert_array_equal(np.argsort(second[left])[1:], order[1:])
    np.testing.assert_allclose(second[left][order[1:]], first[left][order[1:]], rtol=1e-4)


def test_reconstruction_sums_over_the_readers_of_a_residual_stream():
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, name="stem")(inputs)
    y = layers.Add()([x, layers.Conv2D(4, 1, activation="relu", name="branch")(x)])
    model = keras.Model(inputs, layers.Conv2D(2, 1, name="head")(y))
    randomize(model, RNG(0))
    graph = kp.trace(model)
    data = RNG(1).normal(size=(30, 6, 6, 2)).astype("float32")
    ids = graph.free_groups[0].ids
    stem, total = (keras.Model(inputs, tensor).predict(data, verbose=0).reshape(-1, 4) for tensor in (x, y))
    costs = np.zeros(4)
    for values, reader in ((stem, "branch"), (total, "head")):
        kernel = model.get_layer(reader).get_weights()[0][0, 0]
        variance = np.var(values @ kernel, axis=0).sum()
        costs += [missing(values.astype(float), kernel, [channel]) / variance for channel in range(4)]
    found = score(model, graph, "reconstruction", data)[ids]
    assert found.argmin() == costs.argmin()
    np.testing.assert_allclose(found.min(), costs.min(), rtol=5e-3)


def test_fewer_samples_than_channels_are_damped():
    model, (x, _) = conv_model(), images(2)
    found = score(model, kp.trace(model), "reconstruction", x)
    assert np.isfinite(found[1:7]).all() and (found[1:7] > 0).any()


@pytest.mark.parametrize("name", ["obs", "reconstruction", "correlation"])
def test_data_is_asked_for(name):
    model, _ = tanh_net()
    with pytest.raises(DataError, match="There is no data"):
        score(model, kp.trace(model), name, loss="mse")


def test_obs_says_what_it_lacks():
    model, x = tanh_net()
    with pytest.raises(DataError, match="needs a loss"):
        score(model, kp.trace(model), "obs", x)
    with pytest.raises(DataError, match="'obs' knows the curvature of .* Received the loss 'poisson'"):
        score(model, kp.trace(model), "obs", x, loss="poisson")
    inputs = keras.Input((None, 2))
    loose = keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.Conv1D(2, 3)(layers.Conv1D(3, 3)(inputs))))
    with pytest.raises(DataError, match="'obs' needs tensors of a fixed size"):
        score(loose, kp.trace(loose), "obs", np.ones((2, 9, 2), "float32"), loss="mse")


@pytest.mark.parametrize("logits", [False, True])
def test_the_curvature_is_that_of_the_loss_at_a_temperature(logits):
    z = RNG(0).normal(size=(2, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model, _ = tanh_net()
    (rows,) = directions(known_loss(loss, "obs", temperature=3.0), z if logits else p)
    if not logits:  # the change of the probabilities for one of the logits
        rows = np.einsum("knc,ncd->knd", rows, np.einsum("nc,cd->ncd", p, np.eye(4)) - np.einsum("nc,nd->ncd", p, p))
    flat = np.cbrt(p) / np.cbrt(p).sum(axis=1, keepdims=True)
    for sample in range(2):
        metric = np.diag(flat[sample]) - np.outer(flat[sample], flat[sample])
        np.testing.assert_allclose(rows[:, sample].T @ rows[:, sample], metric, atol=1e-6)
    with pytest.raises(ValueError, match="`temperature` must be above 0"):
        score(model, kp.trace(model), "obs", np.zeros((2, 4)), temperature=0)


@pytest.mark.parametrize("loss", [keras.losses.Huber(delta=1.5), keras.losses.MeanAbsoluteError()])
def test_without_labels_the_curvature_is_the_squared_slope_to_be_expected(loss):
    """Of labels that are spread as the loss has it: with a density of exp(-loss)."""
    errors = np.linspace(-30, 30, 600_001)
    values = keras.ops.convert_to_numpy(loss.call(np.zeros((len(errors), 1)), errors[:, None])).astype(float)
    density = np.exp(-values) / np.exp(-values).sum()
    expected = (np.gradient(values, errors) ** 2 * density).sum()
    (row,) = known_loss(loss, "obs").directions(np.zeros((1, 1)))
    np.testing.assert_allclose(np.square(row), expected, rtol=1e-3)
