"""Opening the MODEL of a command."""

import importlib
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from kerasprune_cli.console import alive
from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import graph, kp


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
    with warnings.catch_warnings(), alive(f"Opening {file.path}"):
        # What a model fresh from slimming says: its optimizer has taken no step yet, so there is no state to restore.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = kp.load_model(file.path, trust=file.trust)
    weight = graph.first_not_finite(model)
    if weight is not None:
        raise BadInput(
            f"The weight {weight!r} of {str(file.path)!r} holds NaN or infinite values; train the model "
            "anew, or repair it."
        )
    return model


def _import(name: str) -> None:
    """Import a module as `python -m` would find it, the folder that one stands in first."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # the module is the user's
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")
        raise BadInput(f"--custom {name} cannot be imported: {reason}.") from error
