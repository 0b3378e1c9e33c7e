"""A replay gives the same model, nested or flat, and leaves the old one as it was."""

import keras
import numpy as np
import pytest

from kerasprune.graph import calls_of, operations, replay
from tests.backends import numbers

pytestmark = pytest.mark.backend

layers = keras.layers


def nested_model():
    """Two named inputs in a dict, a nested base called with training=False, operations, two outputs in a dict."""
    inside = keras.Input((6,), name="inside")
    base = keras.Model(
        inside, layers.BatchNormalization(name="norm")(layers.Dense(5, name="dense")(inside)), name="base"
    )
    inputs = {"left": keras.Input((6,), name="left"), "right": keras.Input((6,), name="right")}
    h = keras.ops.concatenate([base(inputs["left"], training=False), base(inputs["right"])], axis=-1) * 2.0 + 1.0
    outputs = {"a": layers.Dense(2, name="a")(h), "b": layers.Dropout(0.5, name="b")(h)}
    return keras.Model(inputs, outputs, name="whole")


@pytest.mark.parametrize("nested", [True, False])
def test_the_new_model_computes_the_same(nested):
    model = nested_model()
    new = replay(model, nested=nested)
    new.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    x = {"left": rng.random((3, 6)), "right": rng.random((3, 6))}
    for name, value in model(x).items():
        assert np.allclose(numbers(value), numbers(new(x)[name]), atol=1e-6)
    assert new.name == model.name
    assert any(layer.name == "base" for layer in new.layers) is nested


def test_the_old_model_is_untouched():
    model = nested_model()
    before = {path: len(operation._inbound_nodes) for path, operation in operations(model).items()}
    replay(model)
    replay(model, nested=False)
    assert {path: len(operation._inbound_nodes) for path, operation in operations(model).items()} == before
    assert model.get_layer("a").output is not None


def test_flat_layers_of_a_base_called_with_training_false_keep_to_it():
    calls = []

    def at_call(call, operation, args, kwargs):
        calls.append((call.path, kwargs.get("training")))
        return operation(*args, **kwargs)

    replay(nested_model(), at_call=at_call, nested=False)
    assert {training for path, training in calls if path == "base/norm"} == {False, None}


def test_calls_are_listed_once_each():
    keys = [call.key for call in calls_of(nested_model())]
    assert len(keys) == len(set(keys))
    assert {"base#0", "base#1", "a#0", "b#0"} <= set(keys)


def test_a_sequential_stays_one():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert isinstance(replay(model), keras.Sequential)


def test_a_saved_replay_opens_again(tmp_path):
    new = replay(nested_model())
    new.save(tmp_path / "new.keras")
    assert keras.models.load_model(tmp_path / "new.keras").count_params() == new.count_params()
