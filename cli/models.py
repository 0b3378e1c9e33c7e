"""Opening the MODEL of a command."""

import importlib
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import keras, kp


@dataclass(frozen=True)
class ModelFile:
    """The MODEL of a command, and what opening it needs.

    Attributes:
        path: The file.
        custom: Modules that register the classes of its layers.
        trust: Whether the code that it holds may run.
    """

    path: Path
    custom: tuple[str, ...] = ()
    trust: bool = False


def open_model(file: ModelFile):
    """The Keras model in a file, built, with finite weights.

    Raises:
        BadInput: A custom module cannot be imported, or a weight holds NaN or infinity: every score, and every
            comparison, would be meaningless.
    """
    for name in file.custom:
        _import(name)
    with warnings.catch_warnings():
        # What a model fresh from slimming says: its optimizer has taken no step yet, so there is no state to restore.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = kp.load_model(file.path, trust=file.trust)
    for variable in model.weights:
        values = keras.ops.convert_to_numpy(variable)
        if values.dtype.kind not in "biu" and not np.isfinite(values.astype("float32")).all():
            raise BadInput(f"The weight {variable.path!r} of {str(file.path)!r} holds NaN or infinite values.")
    return model


def _import(name: str) -> None:
    """Import a module as `python -m` would find it, the folder that one stands in first."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(name)
    except Exception as error:  # the module is the user's
        raise BadInput(f"--custom {name} cannot be imported: {type(error).__name__}: {error}") from error
