"""The library, imported at the moment the work begins."""

import importlib
from types import ModuleType


def library() -> ModuleType:
    """`import kerasprune`, and Keras with it: seconds that `--help` and a misspelt file name must not cost."""
    return importlib.import_module("kerasprune")
