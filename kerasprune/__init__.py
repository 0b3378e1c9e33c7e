"""kerasprune: prune any Keras 3 model into a smaller ordinary Keras model and a faster TFLite file."""

import importlib
import warnings
from typing import TYPE_CHECKING

from kerasprune import criteria, gates, layers, recipes, recoveries, sparse, strategies
from kerasprune.core import (
    BudgetError,
    ChannelGraph,
    ChannelGroup,
    DataError,
    ExportError,
    FolderError,
    GraphError,
    KeraspruneError,
    ModelFileError,
    OptionError,
    PlanError,
    VerificationError,
    plot,
)
from kerasprune.criteria import score
from kerasprune.evaluation import evaluate
from kerasprune.explanation import Explanation, explain
from kerasprune.files import load_model, save_model
from kerasprune.gates import GatedModel, KeepBudget, Rerank, gate
from kerasprune.graph import channels_last, rule, trace, unroll
from kerasprune.plans import Plan
from kerasprune.recoveries import recalibrate, reconstruct
from kerasprune.report import Curve, Report, Sensitivity
from kerasprune.selection import Budget, select
from kerasprune.slimming import mask, masked, slim, strip, verify
from kerasprune.sparse import sparsify
from kerasprune.strategies import Compression, compress, sensitivity
from kerasprune.tflite import Timing, adb, benchmark, c_source, export, file_metadata
from kerasprune.training import Distill, Finetuned, finetune

__all__ = [
    "Budget",
    "BudgetError",
    "ChannelGraph",
    "ChannelGroup",
    "Compression",
    "Curve",
    "DataError",
    "Distill",
    "Explanation",
    "ExportError",
    "Finetuned",
    "FolderError",
    "GatedModel",
    "GraphError",
    "KeepBudget",
    "KeraspruneError",
    "ModelFileError",
    "OptionError",
    "Plan",
    "PlanError",
    "Report",
    "Rerank",
    "Sensitivity",
    "Timing",
    "VerificationError",
    "adb",
    "benchmark",
    "c_source",
    "channels_last",
    "compress",
    "criteria",
    "evaluate",
    "explain",
    "export",
    "file_metadata",
    "finetune",
    "gate",
    "gates",
    "layers",
    "load_model",
    "mask",
    "masked",
    "plot",
    "recalibrate",
    "recipes",
    "reconstruct",
    "recoveries",
    "rule",
    "save_model",
    "score",
    "select",
    "sensitivity",
    "slim",
    "sparse",
    "sparsify",
    "strategies",
    "strip",
    "trace",
    "unroll",
    "verify",
]

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    # The decorators of 0.1 and the namespaces that have them now.
    _REGISTER_IN = {
        "criterion": "criteria",
        "recipe": "recipes",
        "recovery": "recoveries",
        "sparsifier": "sparse",
        "strategy": "strategies",
    }

    def __getattr__(name: str):
        if name not in _REGISTER_IN:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = _REGISTER_IN[name]
        warnings.warn(
            f"`kerasprune.{name}` is called `kerasprune.{room}.register` now; the old name goes with the next release.",
            DeprecationWarning,
            stacklevel=2,
        )
        return importlib.import_module(f"{__name__}.{room}").register
