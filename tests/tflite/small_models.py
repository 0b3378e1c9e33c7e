"""Small models of every shape that an export must handle."""

import keras
import numpy as np
from keras import layers

RNG_SEED = 0


def cnn(name="cnn") -> keras.Model:
    """(16, 16, 3) images to 10 probabilities, with a batch norm to fold and a ReLU to fuse."""
    keras.utils.set_random_seed(RNG_SEED)
    inputs = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="probabilities")(x), name=name)


def two_by_two() -> keras.Model:
    """Two inputs and two outputs in an order that is not alphabetical."""
    keras.utils.set_random_seed(RNG_SEED)
    image, extra = layers.Input((8, 8, 3), name="pixels"), layers.Input((4,), name="extra")
    features = layers.Flatten()(layers.Conv2D(4, 3)(image))
    value = layers.Dense(3, name="value")(layers.Concatenate()([features, extra]))
    return keras.Model([image, extra], [value, layers.Dense(5, activation="softmax", name="kind")(features)])


def recurrent(layer: keras.Layer) -> keras.Model:
    """(8, 4) sequences through one recurrent layer."""
    keras.utils.set_random_seed(RNG_SEED)
    return keras.Sequential([layers.Input((8, 4), name="steps"), layer, layers.Dense(2, name="head")])


def normal(*shape: int) -> np.ndarray:
    """Standard normal float32 numbers."""
    return np.random.default_rng(RNG_SEED).standard_normal(shape).astype("float32")
