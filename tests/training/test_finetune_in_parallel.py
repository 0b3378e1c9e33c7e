"""Fine-tuning on several devices ends as on one; they are set up in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.slow


def answer(way: str) -> dict:
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": BACKEND}
    result = subprocess.run(
        [sys.executable, "-m", "tests.training.finetune_in_parallel", way],
        env={**os.environ, **flags},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def alone():
    return answer("alone")


def assert_same(found: dict, alone: dict) -> None:
    for one, other in zip(found["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    for name in ("val_loss", "val_accuracy", "learning_rate"):
        np.testing.assert_allclose(found["history"][name], alone["history"][name], rtol=1e-3, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_mirrored(alone):
    found = answer("mirrored")
    assert found["devices"] == 2
    assert_same(found, alone)


@pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is for JAX")
def test_data_parallel(alone):
    found = answer("data")
    assert found["devices"] == 2
    assert_same(found, alone)


@pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is for JAX")
def test_weights_that_are_spread_over_devices_are_trained_traced_scored_and_slimmed(alone):
    found = answer("model")
    assert found["devices"] == 2
    assert_same(found, alone)
    assert found["difference"] < 1e-6 and not all(found["keep"])
    assert found["params"] <= 0.6 * sum(np.size(weight) for weight in found["weights"])
