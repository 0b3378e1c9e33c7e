"""What this room needs beyond Keras, and the sentence for a machine that lacks it."""

import importlib
import importlib.util
from types import ModuleType

from kerasprune.core.errors import ExportError


def needed(name: str) -> ModuleType:
    """This module of the LiteRT runtime or of flatbuffers, imported.

    Raises:
        ExportError: It is not installed; the sentence names the command that installs it.
    """
    assert_installed(name)
    return importlib.import_module(name)


def assert_installed(*names: str) -> None:
    """What `needed` checks, without importing anything.

    Raises:
        ExportError: One of these is not installed.
    """
    packages = [name.partition(".")[0] for name in names]
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(
            f"TFLite files need {' and '.join(missing)}, which is missing. Run: pip install 'kerasprune[tflite]'."
        )
