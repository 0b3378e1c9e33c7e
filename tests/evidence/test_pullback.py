"""Derivatives of outputs in the middle of a model."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasprune as kp
from kerasprune.evidence import pullback
from kerasprune.evidence.gains import GainModel
from kerasprune.evidence.offset import Offset
from tests.small_models import conv_model, images

pytestmark = pytest.mark.backend


def slowly(model, places, keep=pullback.everything):
    return pullback.by_training_steps(model, places, keep)


@pytest.mark.parametrize("make", [pullback.pullback, slowly])
def test_the_slopes_are_those_of_the_model_in_inference(make):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    offsets = [Offset(4), Offset(4)]
    first = offsets[0](layers.Dense(5, activation="tanh", name="first")(inputs))
    second = offsets[1](layers.Dense(2, name="second")(layers.Dropout(0.5)(first)))
    model = keras.Model(inputs, layers.Activation("tanh")(second))
    x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    before = [value.copy() for value in model.get_weights()]
    outputs = model.predict_on_batch(x)
    slopes = make(model, [offset.offset for offset in offsets])
    kernel = ops.convert_to_numpy(model.get_layer("second").kernel)
    rows = np.random.default_rng(2).normal(size=(3, 4, 2)).astype("float32")
    for factor in (1, 2):  # a second pass starts from zero again
        (found,) = slopes(x, lambda _, factor=factor: iter([factor * rows]))
        expected = factor * rows * (1 - np.square(outputs))
        np.testing.assert_allclose(found[1], expected, atol=1e-5)
        np.testing.assert_allclose(found[0], expected @ kernel.T, atol=1e-5)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_backend_pulls_back_as_training_steps_do():
    model, (x, _) = conv_model(), images()
    graph = kp.trace(model)
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(count, len(x), *model.output_shape[1:])).astype("float32") for count in (3, 2)]
    seen = []

    def rows(outputs):
        seen.append(outputs[0])
        return iter(parts)

    found = []
    for make in (pullback.pullback, slowly):
        gains = GainModel(model, graph, len(x))
        back = make(gains, [gains.gains.gain], lambda derivatives: [ops.square(derivatives[0])])
        found.append(list(back(x, rows)))
    np.testing.assert_allclose(*seen, atol=1e-5)
    for (one,), (other,), part in zip(*found, parts, strict=True):
        assert one.shape == (len(part), len(x), graph.num_ids)
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_weights_may_change_between_the_calls():
    inputs, offset = keras.Input((3,)), Offset(2)
    dense = layers.Dense(2, use_bias=False)
    model = keras.Model(inputs, dense(offset(inputs)))
    dense.trainable = False
    back = pullback.pullback(model, [offset.offset])
    for _ in range(2):
        dense.set_weights([dense.get_weights()[0] + 1])
        ((found,),) = back(np.ones((2, 3), "float32"), lambda _: iter([np.ones((1, 2, 2), "float32")]))
        np.testing.assert_allclose(found[0], np.tile(dense.get_weights()[0].sum(axis=1), (2, 1)), rtol=1e-6)
