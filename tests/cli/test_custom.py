"""Models with classes and code of their own are opened where the user says so, and the error says how."""

import importlib
import sys

import keras
import pytest

layers = keras.layers

MODULE = """
import keras

@keras.saving.register_keras_serializable("custom_test")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


@pytest.fixture
def custom(tmp_path, monkeypatch):
    """A file whose layer is registered by the module `doubled`, beside it."""
    (tmp_path / "doubled.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    doubled = importlib.import_module("doubled").Doubled()
    x = keras.Input((4,))
    keras.Model(x, layers.Dense(2)(doubled(layers.Dense(8)(x)))).save("model.keras")
    del sys.modules["doubled"]
    keras.saving.get_custom_objects().pop("custom_test>Doubled")
    yield tmp_path / "model.keras"
    keras.saving.get_custom_objects().pop("custom_test>Doubled", None)
    sys.modules.pop("doubled", None)


def test_classes_of_ones_own(run, custom):
    refused = run("inspect", custom)
    assert refused.exit_code == 2
    assert "--custom package.module" in refused.stderr
    answer = run("compress", custom, "--custom", "doubled", "--flops", "0.7", "-o", "small.keras")
    assert answer.exit_code == 0, answer.output
    assert (custom.parent / "small.keras").exists()


def test_a_module_that_is_not_there(run, custom):
    answer = run("inspect", custom, "--custom", "nowhere.to_be_found")
    assert answer.exit_code == 2
    assert "--custom nowhere.to_be_found" in answer.stderr


def test_a_lambda_of_ones_own(run, tmp_path):
    x = keras.Input((4,))
    path = tmp_path / "model.keras"
    keras.Model(x, layers.Dense(2)(layers.Lambda(lambda t: t + 1, output_shape=(8,))(layers.Dense(8)(x)))).save(path)
    refused = run("inspect", path)
    assert refused.exit_code == 2
    assert "--trust" in refused.stderr
    assert run("inspect", path, "--trust").exit_code == 0
