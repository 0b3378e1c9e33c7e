"""Every example in a docstring runs and prints what it says."""

import doctest
import functools
import importlib

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.registries import MODULES, restored_afterwards
from tests.small_models import conv_model, images

PUBLIC = {name: getattr(kp, name) for name in kp.__all__ if not hasattr(getattr(kp, name), "__path__")}


def examples():
    """The docstrings with examples, each once, in the module that it stands in."""
    finder = doctest.DocTestFinder()
    for name in MODULES:
        for found in finder.find(importlib.import_module(name)):
            if found.examples:
                yield pytest.param(found, id=found.name)


@functools.cache
def taken_for_granted() -> dict:
    """The names that examples use without a word: a model, its trace and a cut, a network of Dense layers, data."""
    model, (x, y) = conv_model(), images(16)
    model.compile("adam", "sparse_categorical_crossentropy")
    graph = kp.trace(model)
    scores = kp.score(model, graph)
    keep = kp.select(graph, scores, kp.Budget(flops=0.5))
    inputs = keras.Input((4,), name="features")
    hidden = keras.layers.Dense(5, activation="relu")(inputs)
    dense = keras.Model(inputs, keras.layers.Dense(3, name="classes")(hidden))
    samples = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    small = kp.slim(model, graph, keep)
    return locals()


def fit(network):
    """Stands for training."""


@pytest.mark.parametrize("example", examples())
def test_an_example_prints_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    example.globs = {**PUBLIC, "keras": keras, "np": np, **example.globs, **taken_for_granted(), "fit": fit}
    if example.name.startswith(("kerasprune.tflite", "kerasprune.evaluation")):
        for name in ("small.tflite", "dense.tflite"):
            kp.export(example.globs["dense"], name)
    said: list[str] = []
    with restored_afterwards():
        failed = doctest.DocTestRunner(verbose=False).run(example, out=said.append).failed
    assert not failed, "".join(said)


def test_no_example_is_skipped():
    skipped = [
        example.id for example in examples() if any(e.options.get(doctest.SKIP) for e in example.values[0].examples)
    ]
    assert skipped == []


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if not isinstance(value, type)])
def test_every_public_function_has_an_example(name):
    assert ">>>" in (PUBLIC[name].__doc__ or "")
