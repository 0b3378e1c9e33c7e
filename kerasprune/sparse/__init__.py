"""Making single weights zero while a model trains."""

from kerasprune.sparse.budgeted_gumbel_weights import BudgetedGumbelWeights
from kerasprune.sparse.gumbel_weights import GumbelWeights
from kerasprune.sparse.magnitude_weights import MagnitudeWeights
from kerasprune.sparse.method import METHODS
from kerasprune.sparse.scheduled_weights import ScheduledWeights
from kerasprune.sparse.sparse_weights import SparseWeights, kernel_positions
from kerasprune.sparse.sparsify import sparsify
from kerasprune.sparse.strip import strip

__all__ = [
    "METHODS",
    "BudgetedGumbelWeights",
    "GumbelWeights",
    "MagnitudeWeights",
    "ScheduledWeights",
    "SparseWeights",
    "kernel_positions",
    "names",
    "register",
    "sparsify",
    "strip",
]

names = METHODS.names
register = METHODS.register
METHODS.collect(__name__)
