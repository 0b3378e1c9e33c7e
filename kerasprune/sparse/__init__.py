"""Making single weights zero while a model trains."""

from kerasprune.sparse.distribution import DISTRIBUTIONS
from kerasprune.sparse.frozen_weights import FrozenWeights
from kerasprune.sparse.gumbel_weights import GumbelWeights
from kerasprune.sparse.kernels import kernel_positions
from kerasprune.sparse.layered_weights import LayeredWeights
from kerasprune.sparse.magnitude_weights import MagnitudeWeights
from kerasprune.sparse.penalized_weights import PenalizedWeights
from kerasprune.sparse.ranked_weights import RankedWeights
from kerasprune.sparse.regrown_weights import RegrownWeights
from kerasprune.sparse.rigl_weights import RigLWeights
from kerasprune.sparse.set_weights import SetWeights
from kerasprune.sparse.sparse import Sparse
from kerasprune.sparse.sparsify import sparsify, weights_left
from kerasprune.sparse.weight_gates import METHODS, WeightGates

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "FrozenWeights",
    "GumbelWeights",
    "LayeredWeights",
    "MagnitudeWeights",
    "PenalizedWeights",
    "RankedWeights",
    "RegrownWeights",
    "RigLWeights",
    "SetWeights",
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
