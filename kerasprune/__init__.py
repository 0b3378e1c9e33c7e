"""kerasprune: prune any Keras 3 model into a smaller ordinary Keras model and a faster TFLite file."""

from kerasprune.compression import masked, recalibrate, reconstruct, recovery, slim, verify
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
from kerasprune.export import benchmark, export, recipe
from kerasprune.files import load_model, save_model
from kerasprune.graph import channels_last, rule, trace, unroll
from kerasprune.report import Explanation, Report, explain, plot
from kerasprune.selection import Budget, select
from kerasprune.strategies import Compression, GatedModel, Rerank, compress, gate, sparsifier, sparsify, strategy, strip

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
