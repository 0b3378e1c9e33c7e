"""Importing the room is cheap, and a machine without TensorFlow is told what to install."""

import importlib.util
import os
import subprocess
import sys

import pytest

from kerasprune.core import ExportError
from kerasprune.tflite import Runner, benchmark, export
from tests.small_models import dense_model


def test_importing_does_not_import_tensorflow():
    script = "import sys, kerasprune.tflite, kerasprune.files; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "KERAS_BACKEND": "jax"})


@pytest.fixture
def without(monkeypatch):
    """Pretend that some packages are not installed."""
    find = importlib.util.find_spec

    def install(*packages):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in packages else find(name))

    return install


def test_export_without_tensorflow_says_what_to_install(without, tmp_path):
    without("tensorflow", "flatbuffers")
    with pytest.raises(ExportError, match=r"missing: tensorflow, flatbuffers.*pip install 'kerasprune\[tflite\]'"):
        export(dense_model(3, 2), tmp_path / "small.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("use", [Runner, benchmark])
def test_a_file_without_a_runtime_says_what_to_install(use, without, tmp_path):
    from kerasprune.tflite import flatbuffer

    path = tmp_path / "small.tflite"
    path.write_bytes(b"\0\0\0\0TFL3")
    flatbuffer.schema.cache_clear()
    without("ai_edge_litert")
    with pytest.raises(ExportError, match="are missing: ai_edge_litert"):
        use(path)
