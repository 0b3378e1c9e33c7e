"""Types and tools that need numpy and the standard library alone."""

from kerasprune.core.batches import Batch, as_arrays, batches
from kerasprune.core.cost import CostTable, Term
from kerasprune.core.edits import Count, Share, Whole
from kerasprune.core.errors import (
    BudgetError,
    DataError,
    ExportError,
    GraphError,
    KeraspruneError,
    ModelFileError,
    OptionError,
    VerificationError,
)
from kerasprune.core.files import atomic_path, write_text
from kerasprune.core.graph import (
    CallLabels,
    ChannelGraph,
    ChannelGroup,
    Labels,
    Pick,
    WeightLabels,
    cut,
    silence,
)
from kerasprune.core.registry import Registry

__all__ = [
    "Batch",
    "BudgetError",
    "CallLabels",
    "ChannelGraph",
    "ChannelGroup",
    "CostTable",
    "Count",
    "DataError",
    "ExportError",
    "GraphError",
    "KeraspruneError",
    "Labels",
    "ModelFileError",
    "OptionError",
    "Pick",
    "Registry",
    "Share",
    "Term",
    "VerificationError",
    "WeightLabels",
    "Whole",
    "as_arrays",
    "atomic_path",
    "batches",
    "cut",
    "silence",
    "write_text",
]
