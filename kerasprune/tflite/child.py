"""Conversion in a child process, for sessions whose Keras runs on another backend than TensorFlow.

A process has one Keras backend. The child gets the model as a `.keras` file, which any backend opens (in safe mode),
the samples as `.npz` and the recipe as JSON, and leaves the TFLite model or the reason for its failure beside them.
"""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kerasprune.core import ExportError, temporary_folder
from kerasprune.recipes import RECIPES, Recipe
from kerasprune.tflite.captured_output import captured_output
from kerasprune.tflite.convert import convert
from kerasprune.tflite.signature import InputSpec


def convert_in_child(
    model: keras.Model, specs: Sequence[InputSpec], recipe: Recipe, samples: Sequence[np.ndarray]
) -> bytes:
    """What `convert` does, in a process of its own under the TensorFlow backend; see there."""
    with temporary_folder() as folder:
        with captured_output():
            model.save(folder / "model.keras")
        np.savez(folder / "samples.npz", *samples)
        request = {
            "module": type(recipe).__module__,
            "recipe": recipe.name,
            "options": dataclasses.asdict(recipe),
            "specs": [dataclasses.asdict(spec) for spec in specs],
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
        child = subprocess.run(
            [sys.executable, "-m", __name__, folder], env=environment, capture_output=True, text=True, check=False
        )
        if child.returncode == 0:
            return (folder / "model.tflite").read_bytes()
        reason = folder / "error.txt"
        if reason.exists():
            raise ExportError(reason.read_text(encoding="utf-8"))
        last = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        raise ExportError(f"The conversion in a TensorFlow process failed: {last[0]}")


def main(name: str) -> int:
    """The child's side: convert what lies in the folder `name`; returns the exit status."""
    folder = Path(name)
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    try:
        importlib.import_module(request["module"])
        recipe = RECIPES[request["recipe"]](**request["options"])
        specs = [InputSpec(s["name"], tuple(s["shape"]), s["dtype"]) for s in request["specs"]]
        with np.load(folder / "samples.npz", allow_pickle=False) as archive:
            samples = [archive[f"arr_{i}"] for i in range(len(specs))]
        (folder / "model.tflite").write_bytes(convert(_load(folder / "model.keras"), specs, recipe, samples))
    except ExportError as error:
        (folder / "error.txt").write_text(str(error), encoding="utf-8")
        return 1
    return 0


def _load(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a layer's own constructor raises
        reason = str(error).split("Exception encountered: ")[-1].strip().splitlines()[0].split(". ")[0]
        raise ExportError(
            f"The model cannot be handed to the TensorFlow process that converts it: {reason}. Use stock layers, or "
            "export in a session with KERAS_BACKEND=tensorflow."
        ) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
