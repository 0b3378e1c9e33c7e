"""Batch-norm statistics from data, and nothing else changed."""

import keras
import numpy as np
import pytest

import kerasprune as kp

pytestmark = [pytest.mark.backend, pytest.mark.processor]

layers = keras.layers


def normed():
    """Dense, batch norm, dropout, dense; the norm in a nested model that is called with training=False."""
    inside = keras.Input((4,))
    base = keras.Model(inside, layers.Dropout(0.9)(layers.BatchNormalization(name="norm")(inside)), name="base")
    x = keras.Input((3,))
    return keras.Model(x, layers.Dense(2, name="out")(base(layers.Dense(4, name="dense")(x), training=False)))


def test_the_statistics_become_those_of_the_data():
    model = normed()
    x = np.random.default_rng(0).normal(2.0, 3.0, (512, 3)).astype("float32")
    new = kp.recalibrate(model, x, batch_size=128)
    hidden = keras.ops.convert_to_numpy(model.get_layer("dense")(x)).reshape(4, 128, 4)
    norm = new.get_layer("base").get_layer("norm")
    assert np.allclose(norm.moving_mean, hidden.mean((0, 1)), atol=1e-3)
    assert np.allclose(norm.moving_variance, hidden.var(axis=1).mean(0), rtol=1e-3)


def test_all_else_stays_and_the_old_model_is_untouched():
    model = normed()
    before = model.get_weights()
    new = kp.recalibrate(model, np.ones((8, 3), "float32"))
    for old, now, kept in zip(model.weights, new.weights, before, strict=True):
        assert np.array_equal(old, kept)
        assert ("moving" in old.path) or np.array_equal(old, now)


def test_frozen_norms_are_estimated_too():
    model = normed()
    model.get_layer("base").trainable = False
    new = kp.recalibrate(model, np.full((8, 3), 5.0, "float32"))
    assert not np.allclose(new.get_layer("base").get_layer("norm").moving_mean, 0)
    assert not new.get_layer("base").trainable


def test_data_that_does_not_fit_is_refused():
    with pytest.raises(kp.DataError, match="does not fit the model"):
        kp.recalibrate(normed(), np.ones((8, 7), "float32"))
    with pytest.raises(kp.DataError, match="empty"):
        kp.recalibrate(normed(), np.ones((0, 3), "float32"))


def test_inputs_are_found_by_their_names():
    inputs = keras.Input((3,), name="second"), keras.Input((3,), name="first")
    norms = [keras.layers.BatchNormalization(name=f"norm_of_{tensor.name}")(tensor) for tensor in inputs]
    model = keras.Model(inputs, keras.layers.Subtract()(norms))
    arrays = {"first": np.full((8, 3), 1.0, "float32"), "second": np.full((8, 3), 2.0, "float32")}
    new = kp.recalibrate(model, arrays)
    for name, expected in (("first", 1.0), ("second", 2.0)):
        np.testing.assert_allclose(new.get_layer(f"norm_of_{name}").moving_mean, expected, atol=1e-5)
