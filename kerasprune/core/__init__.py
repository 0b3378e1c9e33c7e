"""Types and tools that need numpy and the standard library alone."""

from kerasprune.core.batches import Batch, as_arrays, batches
from kerasprune.core.cost import CostTable, Term
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
    Count,
    Labels,
    Pick,
    WeightLabels,
    cut,
    silence,
)
from kerasprune.core.options import accepted, option_names
from kerasprune.core.registry import Registry, import_modules

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
    "Term",
    "VerificationError",
    "WeightLabels",
    "accepted",
    "as_arrays",
    "atomic_path",
    "batches",
    "cut",
    "import_modules",
    "option_names",
    "silence",
    "write_text",
]
