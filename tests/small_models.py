"""Small networks with random weights, and data for them, for tests that need a model."""

import keras
import numpy as np
from keras import layers

from tests.laws.random_models import randomize


def conv_model(seed: int = 0) -> keras.Model:
    """Convolutions, batch norm, a residual addition, dropout, Flatten and two Dense; 5 classes."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(6, 3, padding="same", name="first")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU()(x)
    y = layers.Conv2D(6, 3, padding="same", activation="relu", name="second")(x)
    x = layers.Add()([x, y])
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="third")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(7, activation="relu", name="hidden")(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax", name="classes")(x))
    randomize(model, np.random.default_rng(seed))
    return model


def images(samples: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes for `conv_model`."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 8, 8, 2)).astype("float32"), rng.integers(0, 5, samples)


def dense_model(*widths: int, inputs: int = 4, activation: str | None = None, seed: int = 0) -> keras.Sequential:
    """Dense layers `dense0`, `dense1`, ..., the model of `tests.hand_graphs.dense_chain`."""
    keras.utils.set_random_seed(seed)
    stack = [layers.Dense(width, activation=activation, name=f"dense{n}") for n, width in enumerate(widths[:-1])]
    return keras.Sequential([keras.Input((inputs,)), *stack, layers.Dense(widths[-1], name=f"dense{len(widths) - 1}")])
