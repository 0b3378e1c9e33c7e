"""The cosine of the Incredible Shrinking Neural Network in small: one neuron at a time, checked against brute force."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.strategies import Serial

pytestmark = [pytest.mark.slow, pytest.mark.processor]


@pytest.fixture(scope="module")
def samples():
    x = np.random.default_rng(0).uniform(size=(200, 1)).astype("float32")
    return x, np.cos(x)


@pytest.fixture(scope="module")
def network(samples):
    """1-6-6-1, sigmoid throughout, trained on 200 points."""
    keras.utils.set_random_seed(0)
    widths = (6, 6, 1)
    stack = [keras.layers.Dense(width, "sigmoid", name=f"layer{number}") for number, width in enumerate(widths)]
    model = keras.Sequential([keras.Input((1,)), *stack])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(*samples, batch_size=50, epochs=60, verbose=0)
    return model


def brute_force(model, x, y):
    """The order in which neurons go, as (layer, neuron), and the mean squared error before and after each removal."""
    weights = [layer.get_weights() for layer in model.layers]

    def error(gone):
        value = x.astype(float)
        for number, (kernel, bias) in enumerate(weights):
            value = 1 / (1 + np.exp(-(value @ kernel + bias)))
            value[:, [neuron for layer, neuron in gone if layer == number]] = 0
        return float(np.square(value - y).mean())

    gone, errors, left = [], [error([])], [(layer, neuron) for layer in (0, 1) for neuron in range(6)]
    while len(left) > 2:
        widths = {layer: sum(place[0] == layer for place in left) for layer in (0, 1)}
        found = {place: error([*gone, place]) for place in left if widths[place[0]] > 1}
        gone.append(min(found, key=found.get))
        errors.append(found[gone[-1]])
        left.remove(gone[-1])
    return gone, errors


def test_the_oracle_takes_the_neurons_that_brute_force_takes(network, samples):
    order, errors = brute_force(network, *samples)
    places = {id_: (layer, n) for layer, g in enumerate(kp.trace(network).groups) for n, id_ in enumerate(g.ids)}
    trajectory = kp.compress(network, kp.Budget(channels=3), "oracle", Serial(), samples, batch_size=200).trajectory
    assert errors[0] < 1e-3
    assert [places[removal.id] for removal in trajectory.removals] == order
    np.testing.assert_allclose(trajectory.values("loss"), errors, rtol=1e-3, atol=1e-7)
