"""What gates tell in the logs of every epoch arrives where experiments are tracked."""

import keras
import numpy as np
import pytest

import kerasprune as kp

TOLD = ("hard_params", "expected_params", "loss")


def fit(*callbacks) -> None:
    """Two epochs of a small network with gates."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(hidden), name="tracked")
    gated = kp.gate(model, "gumbel", budget=kp.Budget(params=0.6))
    gated.compile("sgd", "mse")
    gated.fit(np.ones((8, 4), "float32"), np.zeros((8, 2)), epochs=2, verbose=0, callbacks=list(callbacks))


def test_tensorboard_gets_the_progress_of_gates(tmp_path):
    pytest.importorskip("tensorboard")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras writes for TensorBoard by TensorFlow")
    fit(keras.callbacks.TensorBoard(tmp_path))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("events*"))
    assert all(f"epoch_{name}".encode() in written for name in TOLD)


def test_mlflow_gets_the_progress_of_gates(monkeypatch):
    pytest.importorskip("mlflow.keras", exc_type=ImportError)
    from mlflow.keras import callback

    told: dict = {}
    for name in ("log_params", "log_text"):
        monkeypatch.setattr(callback, name, lambda *_, **__: None)
    monkeypatch.setattr(callback, "log_metrics", lambda metrics, **_: told.update(metrics))
    fit(callback.MlflowCallback())
    assert set(TOLD) <= set(told)
