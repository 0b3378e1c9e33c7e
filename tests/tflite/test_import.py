"""Importing the room is cheap: TensorFlow comes with the first export."""

import os
import subprocess
import sys


def test_importing_does_not_import_tensorflow():
    script = "import sys, kerasprune.tflite, kerasprune.files; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "KERAS_BACKEND": "jax"})
