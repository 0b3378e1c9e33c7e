"""Means and covariances of what is read."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import Batch, DataError, batches
from kerasprune.evidence import moments
from kerasprune.evidence.moments import pooled, read_moments
from tests.laws.random_models import randomize
from tests.small_models import conv_model, images

pytestmark = pytest.mark.backend


def test_they_are_those_of_the_activations_whatever_the_batches():
    model, (x, _) = conv_model(), images()
    found = read_moments(model, kp.trace(model), batches(x, 5))
    readers = [moment.readers for moment in found]
    assert readers == [("second",), ("third",), ("hidden",), ("classes",)]
    seen = keras.ops.convert_to_numpy(keras.Model(model.inputs, model.get_layer("third").input)(x)).reshape(-1, 6)
    np.testing.assert_allclose(found[1].mean, seen.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found[1].covariance, np.cov(seen.T, bias=True), atol=1e-5)
    assert found[1].rows == len(seen)


def test_a_tensor_with_several_readers_stands_there_once():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    model = keras.Model(inputs, [layers.Dense(2, name="a")(hidden), layers.Dense(1, name="b")(hidden)])
    (found,) = read_moments(model, kp.trace(model), batches(np.eye(4, dtype="float32")))
    assert sorted(found.readers) == ["a", "b"]


def test_entries_of_a_flattened_channel_are_pooled():
    model, (x, _) = conv_model(), images()
    graph = kp.trace(model)
    flattened = read_moments(model, graph, batches(x))[2]
    ids = np.unique(flattened.labels)
    maps = keras.ops.convert_to_numpy(keras.Model(model.inputs, model.get_layer("third").output)(x))
    centred = (maps - maps.mean(axis=0)).reshape(-1, 4)  # the mean of every entry apart
    found = pooled(flattened.covariance, flattened.labels, ids)
    np.testing.assert_allclose(found, centred.T @ centred / len(centred), atol=1e-5)


def test_what_is_too_wide_or_no_number_is_refused(monkeypatch):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    with pytest.raises(DataError, match="'b' reads holds NaN"):
        read_moments(model, graph, [Batch(np.full((2, 4), np.nan, "float32"))])
    monkeypatch.setattr(moments, "MOST_ENTRIES", 2)
    with pytest.raises(DataError, match="`b` reads 3 entries.*'taylor'"):
        read_moments(model, graph, batches(np.ones((2, 4), "float32")))
