"""kerasprune: prune any Keras 3 model into a smaller ordinary Keras model and a faster TFLite file."""

from kerasprune.core import (
    BudgetError,
    ChannelGraph,
    ChannelGroup,
    DataError,
    ExportError,
    GraphError,
    KeraspruneError,
    ModelFileError,
    VerificationError,
)
from kerasprune.criteria import criterion, score
from kerasprune.explanation import Explanation, explain, plot
from kerasprune.files import load_model, save_model
from kerasprune.gates import GatedModel, Rerank, gate
from kerasprune.graph import channels_last, rule, trace, unroll
from kerasprune.recoveries import recalibrate, reconstruct, recovery
from kerasprune.report import Report
from kerasprune.selection import Budget, select
from kerasprune.slimming import masked, slim, verify
from kerasprune.sparse import sparsifier, sparsify, strip
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
    "KeraspruneError",
    "ModelFileError",
    "Report",
    "Rerank",
    "VerificationError",
    "benchmark",
    "channels_last",
    "compress",
    "criterion",
    "explain",
    "export",
    "gate",
    "load_model",
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
    "sparsifier",
    "sparsify",
    "strategy",
    "strip",
    "trace",
    "unroll",
    "verify",
]
