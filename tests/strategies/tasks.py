"""A small task that networks learn in a second: three classes of points, half of whose numbers say nothing."""

import keras
import numpy as np

from tests.small_models import dense_model

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def points(samples: int = 192, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around three centres, and which."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(3, 8)) * [2, 2, 2, 2, 0, 0, 0, 0]
    y = rng.integers(0, 3, samples)
    return (centres[y] + rng.normal(size=(samples, 8))).astype("float32"), y


def network(dropout: float = 0.0, seed: int = 3) -> keras.Model:
    """8-12-10-3, with a Dropout behind the first layer where that is wanted."""
    model = dense_model(12, 10, 3, inputs=8, activation="relu", seed=seed)
    if dropout:
        layers = [model.inputs[0], model.layers[0], keras.layers.Dropout(dropout), *model.layers[1:]]
        model = keras.Sequential(layers, name="with_dropout")  # a report names its model
    model.compile("sgd", LOSS)
    return model


def fit(model: keras.Model, epochs: int = 4, **span: int) -> None:
    """Train a network on the points."""
    model.compile(keras.optimizers.Adam(0.02), LOSS)
    model.fit(*points(), batch_size=32, epochs=epochs, verbose=0)


def kernels(model: keras.Model) -> np.ndarray:
    """All weights in kernels, flat."""
    return np.concatenate([weight.reshape(-1) for weight in model.get_weights() if weight.ndim > 1])


def same_weights(first: keras.Model, second: keras.Model) -> bool:
    """Whether two models have equal weights, to the bit."""
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
