"""Channels that are switched off and on: the copy computes what the slimmed model does, whatever came before."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph import Opened
from kerasprune.slimming import Switched
from tests.laws.random_models import randomize
from tests.small_models import conv_model

pytestmark = pytest.mark.backend


def sequences() -> keras.Model:
    """Layers that read channels of their own inside: recurrent units, heads of attention."""
    inputs = keras.Input((5, 4))
    x = keras.layers.LSTM(4, return_sequences=True)(inputs)
    x = keras.layers.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GRU(4)(x)))
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.parametrize("make", [conv_model, sequences])
def test_any_keep_after_any_other(make):
    model = make()
    graph, rng = kp.trace(model), np.random.default_rng(1)
    switched = Switched(Opened.of(model))
    x = rng.normal(size=(3, *model.input_shape[1:])).astype("float32")
    for share in (0.5, 0.8):
        keep = rng.random(graph.num_ids) < share
        for group in graph.groups:
            keep[group.ids[0]] = True
        switched.keep(keep)
        expected = kp.slim(model, graph, keep).predict(x, verbose=0)
        np.testing.assert_allclose(switched.model.predict(x, verbose=0), expected, atol=1e-5)
    switched.keep(graph.keep_all())
    np.testing.assert_allclose(switched.model.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
