"""Types and tools that need numpy and the standard library alone."""

from kerasprune.core import measures  # noqa: F401  (importing the measures registers them)
from kerasprune.core.batches import Batch, arrays_of, as_arrays, batches, is_endless, length, require_limit, rereadable
from kerasprune.core.cost import CostTable, Term
from kerasprune.core.edits import Count, Share, Whole
from kerasprune.core.errors import (
    BudgetError,
    DataError,
    ExportError,
    FolderError,
    GraphError,
    KeraspruneError,
    ModelFileError,
    OptionError,
    PlanError,
    ValuesError,
    VerificationError,
)
from kerasprune.core.files import atomic_path, atomic_paths, require_writable, write_text
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
from kerasprune.core.measure import MEASURES, Measure, measure
from kerasprune.core.names import Names, name_of
from kerasprune.core.options import accepted, option_names
from kerasprune.core.plot import PLOTS, plot, plots_of
from kerasprune.core.quiet import quiet
from kerasprune.core.registry import Registry, import_modules
from kerasprune.core.table import table
from kerasprune.core.temporary import temporary_folder

__all__ = [
    "MEASURES",
    "PLOTS",
    "Batch",
    "BudgetError",
    "CallLabels",
    "ChannelGraph",
    "ChannelGroup",
    "CostTable",
    "Count",
    "DataError",
    "ExportError",
    "FolderError",
    "GraphError",
    "KeraspruneError",
    "Labels",
    "Measure",
    "ModelFileError",
    "Names",
    "OptionError",
    "Pick",
    "PlanError",
    "Registry",
    "Share",
    "Term",
    "ValuesError",
    "VerificationError",
    "WeightLabels",
    "Whole",
    "accepted",
    "arrays_of",
    "as_arrays",
    "atomic_path",
    "atomic_paths",
    "batches",
    "cut",
    "import_modules",
    "is_endless",
    "length",
    "measure",
    "name_of",
    "option_names",
    "plot",
    "plots_of",
    "quiet",
    "require_limit",
    "require_writable",
    "rereadable",
    "silence",
    "table",
    "temporary_folder",
    "write_text",
]
