"""Derivatives of outputs in the middle of a model."""

import keras
import numpy as np
from keras import layers, ops

from kerasprune.evidence.offset import Offset, Slopes


def test_the_slopes_are_those_of_the_model_in_inference():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    offsets = [Offset(4), Offset(4)]
    first = offsets[0](layers.Dense(5, activation="tanh", name="first")(inputs))
    second = offsets[1](layers.Dense(2, name="second")(layers.Dropout(0.5)(first)))
    model = keras.Model(inputs, layers.Activation("tanh")(second))
    x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    before = [value.copy() for value in model.get_weights()]
    outputs = model.predict_on_batch(x)
    slopes = Slopes(model, offsets, lambda values: 2 * values)
    kernel = ops.convert_to_numpy(model.get_layer("second").kernel)
    bend = 1 - np.square(outputs)
    for _ in range(2):  # a second pass starts from zero again
        for output, found in enumerate(slopes(x)):
            expected = np.zeros((4, 2))
            expected[:, output] = 2 * bend[:, output]
            np.testing.assert_allclose(found[1], expected, atol=1e-5)
            np.testing.assert_allclose(found[0], expected @ kernel.T, atol=1e-5)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
