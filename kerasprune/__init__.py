"""kerasprune: prune any Keras 3 model into a smaller ordinary Keras model and a faster TFLite file."""

from kerasprune import layers
from kerasprune.core import (
    BudgetError,
    ChannelGraph,
    ChannelGroup,
    DataError,
    ExportError,
    GraphError,
    KeraspruneError,
    ModelFileError,
    OptionError,
    VerificationError,
)
from kerasprune.criteria import criterion, score
from kerasprune.explanation import Explanation, explain, plot
from kerasprune.files import load_model, save_model
from kerasprune.gates import GatedModel, KeepBudget, Rerank, gate
from kerasprune.graph import rule, trace, unroll
from kerasprune.recoveries import recalibrate, reconstruct, recovery
from kerasprune.report import Report
from kerasprune.selection import Budget, select
from kerasprune.slimming import mask, masked, slim, strip, verify
from kerasprune.sparse import sparsify
from kerasprune.strategies import Compression, compress, strategy
from kerasprune.tflite import benchmark, export, recipe

__all__ = [
    "Budget",
    "BudgetError",
    "ChannelGraph",
    "ChannelGroup",
    "Compression",
    "DataError",
    "Explanation",
    "ExportError",
    "GatedModel",
    "GraphError",
    "KeepBudget",
    "KeraspruneError",
    "ModelFileError",
    "OptionError",
    "Report",
    "Rerank",
    "VerificationError",
    "benchmark",
    "compress",
    "criterion",
    "explain",
    "export",
    "gate",
    "layers",
    "load_model",
    "mask",
    "masked",
    "plot",
    "recalibrate",
    "recipe",
    "reconstruct",
    "recovery",
    "rule",
    "save_model",
    "score",
    "select",
    "slim",
    "sparsify",
    "strategy",
    "strip",
    "trace",
    "unroll",
    "verify",
]
