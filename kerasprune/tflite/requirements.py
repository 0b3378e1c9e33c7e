"""What this room needs beyond Keras, and the sentence for a machine that lacks it."""

import importlib
import importlib.util
from collections.abc import Collection
from types import ModuleType

from kerasprune.core.errors import ExportError

FOR_EXPORT = ("tensorflow", "ai_edge_litert", "flatbuffers")


def needed(name: str) -> ModuleType:
    """This module of the LiteRT runtime or of flatbuffers, imported.

    Raises:
        ExportError: It is not installed; the sentence names the command that installs it.
    """
    assert_installed((name.partition(".")[0],))
    return importlib.import_module(name)


def assert_installed(packages: Collection[str] = FOR_EXPORT) -> None:
    """Find out whether these can be imported, without importing them.

    Raises:
        ExportError: One cannot; the sentence names the command that installs it.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(
            f"TFLite files need packages that are missing: {', '.join(missing)}. Run: pip install 'kerasprune[tflite]'."
        )
