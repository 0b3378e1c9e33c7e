"""Fine-tuning on several devices and workers ends as on one; they are set up in processes of their own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.slow


def started(way: str, **environment: str) -> subprocess.Popen:
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": BACKEND, **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.finetune_in_parallel", way],
        env={**os.environ, **flags},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen) -> dict:
    said, complaint = process.communicate(timeout=900)
    assert process.returncode == 0, complaint[-3000:]
    return json.loads(said.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def alone():
    return answer(started("alone"))


def assert_same(found: dict, alone: dict) -> None:
    for one, other in zip(found["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    for name in ("val_loss", "val_accuracy", "learning_rate"):
        np.testing.assert_allclose(found["history"][name], alone["history"][name], rtol=1e-3, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_mirrored(alone):
    found = answer(started("mirrored"))
    assert found["devices"] == 2
    assert_same(found, alone)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_workers_end_with_the_same_weights():
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(2)]
    first, second = (answer(process) for process in [started("workers", TF_CONFIG=json.dumps(task)) for task in tasks])
    assert_same(first, second)


@pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is for JAX")
def test_data_parallel(alone):
    found = answer(started("data"))
    assert found["devices"] == 2
    assert_same(found, alone)


@pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is for JAX")
def test_weights_that_are_spread_over_devices_are_trained_traced_scored_and_slimmed(alone):
    found = answer(started("model"))
    assert found["devices"] == 2
    assert_same(found, alone)
    assert found["difference"] < 1e-6 and not all(found["keep"])
    assert found["params"] <= 0.6 * sum(np.size(weight) for weight in found["weights"])
