"""Making single weights zero while a model trains."""

from kerasprune.sparse.frozen_weights import FrozenWeights
from kerasprune.sparse.gumbel_weights import GumbelWeights
from kerasprune.sparse.magnitude_weights import MagnitudeWeights
from kerasprune.sparse.penalized_weights import PenalizedWeights
from kerasprune.sparse.ranked_weights import RankedWeights
from kerasprune.sparse.sparse import Sparse, kernel_positions
from kerasprune.sparse.sparsify import sparsify, weights_left
from kerasprune.sparse.weight_gates import METHODS, WeightGates

__all__ = [
    "METHODS",
    "FrozenWeights",
    "GumbelWeights",
    "MagnitudeWeights",
    "PenalizedWeights",
    "RankedWeights",
    "Sparse",
    "WeightGates",
    "kernel_positions",
    "names",
    "register",
    "sparsify",
    "weights_left",
]

names = METHODS.names
register = METHODS.register
METHODS.collect(__name__)
