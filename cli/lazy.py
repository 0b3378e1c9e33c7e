"""Modules that take seconds to import, imported when one of their attributes is first asked for."""

import importlib


class LazyModule:
    """Stands for a module; `--help` and a misspelt file name do not pay for its import.

    Args:
        name: What to import.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        return getattr(importlib.import_module(self._name), attribute)


core = LazyModule("kerasprune.core")
criteria = LazyModule("kerasprune.criteria")
evidence = LazyModule("kerasprune.evidence")
graph = LazyModule("kerasprune.graph")
keras = LazyModule("keras")
kp = LazyModule("kerasprune")
models = LazyModule("kerasprune_models")
recipes = LazyModule("kerasprune.recipes")
recoveries = LazyModule("kerasprune.recoveries")
report = LazyModule("kerasprune.report")
selection = LazyModule("kerasprune.selection")
strategies = LazyModule("kerasprune.strategies")
tflite = LazyModule("kerasprune.tflite")
