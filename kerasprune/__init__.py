"""kerasprune: prune any Keras 3 model into a smaller ordinary Keras model and a faster TFLite file."""

from kerasprune.compression import masked, recalibrate, slim, verify
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
from kerasprune.graph import rule, trace

__all__ = [
    "BudgetError",
    "ChannelGraph",
    "ChannelGroup",
    "DataError",
    "ExportError",
    "GraphError",
    "KeraspruneError",
    "ModelFileError",
    "VerificationError",
    "masked",
    "recalibrate",
    "rule",
    "slim",
    "trace",
    "verify",
]
