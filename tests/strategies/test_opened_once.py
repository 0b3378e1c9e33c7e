"""A compression unrolls and traces its model once, and builds no more models than it needs."""

import collections
import importlib

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph import Opened, rebuild
from kerasprune.strategies import Iterative
from tests.laws.random_models import randomize

layers = keras.layers


def four_layers() -> keras.Model:
    x = keras.Input((8, 8, 2))
    h = layers.Conv2D(6, 3, activation="relu", name="first")(x)
    h = layers.Conv2D(6, 3, activation="relu", name="second")(h)
    h = layers.Dense(8, activation="relu", name="hidden")(layers.Flatten()(h))
    model = keras.Model(x, layers.Dense(3, name="classes")(h))
    randomize(model, np.random.default_rng(0))
    return model


@pytest.fixture
def counted(monkeypatch):
    """How often a model is unrolled, traced and built, by name."""
    counts = collections.Counter()

    def count(name, owner, attribute):
        function = getattr(owner, attribute)

        def counting(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, attribute, counting)

    count("unrolled", importlib.import_module("kerasprune.graph.unroll")._Unroll, "result")
    count("traced", importlib.import_module("kerasprune.graph.trace")._Tracer, "count_params")
    count("built", rebuild.Rebuild, "run")
    return counts


@pytest.mark.parametrize(
    ("recover", "once", "per_round"),
    [
        ((), 0, 1),  # the slimmed model; the masked one is computed by the layers of the model itself
        (("reconstruct",), 1, 3),  # once the model before as a list of calls; each round the one after, and a result
        (("reconstruct", "refit"), 1, 5),  # and the copy with offsets, and a result
        (("recalibrate",), 0, 3),  # the copy whose norms run in training mode, and a result
    ],
)
def test_a_model_is_opened_once_and_little_is_built_per_round(counted, recover, once, per_round):
    x = np.random.default_rng(1).normal(size=(20, 8, 8, 2)).astype("float32")
    kp.compress(four_layers(), kp.Budget(flops=0.4), "magnitude", Iterative(5), data=x, recover=recover)
    assert counted == {"unrolled": 1, "traced": 1, "built": once + 5 * per_round}


def test_the_graph_of_a_cut_model_is_not_traced(counted):
    model = Opened.of(four_layers())
    keep = model.graph.keep_all()
    keep[model.graph.free_groups[0].ids[:2]] = False
    before = counted.copy()
    small = model.cut(keep)
    assert counted - before == {"built": 1}
    assert small.graph.params() == small.model.count_params()


def test_a_program_of_an_opened_model_is_made_once(counted):
    model = Opened.of(four_layers())
    assert model.program is model.program
    assert counted["built"] == 1
