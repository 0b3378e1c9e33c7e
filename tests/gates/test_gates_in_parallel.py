"""The gates of all replicas stay equal; devices are set up in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras has no distribution for torch")
@pytest.mark.slow
def test_gates_on_two_devices_stay_equal():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": keras.backend.backend()}
    result = subprocess.run(
        [sys.executable, "-m", "tests.gates.gates_in_parallel"],
        env={**os.environ, **flags},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.strip().splitlines()[-1])
    assert found["copies"] == [2, 2, 2, 2]
    assert found["equal"]
    assert found["step"] == 8
    assert 0.9 < found["hard"] <= 1
    assert found["difference"] < 1e-6
