"""Making single weights zero while a model trains."""

from kerasprune.sparse import by_gumbel, by_magnitude  # noqa: F401  (they register themselves)
from kerasprune.sparse.budgeted_gumbel_weights import BudgetedGumbelWeights
from kerasprune.sparse.gumbel_weights import GumbelWeights
from kerasprune.sparse.magnitude_weights import MagnitudeWeights
from kerasprune.sparse.method import METHODS, sparsifier
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
    "sparsifier",
    "sparsify",
    "strip",
]
