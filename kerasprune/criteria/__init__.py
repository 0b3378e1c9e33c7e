"""How much every channel is worth: one file per criterion."""

from kerasprune.criteria.activation import Activation
from kerasprune.criteria.bn_scale import BatchNormalizationScale
from kerasprune.criteria.correlation import Correlation
from kerasprune.criteria.criterion import CRITERIA
from kerasprune.criteria.fisher import Fisher
from kerasprune.criteria.gain_curve import gain_curve
from kerasprune.criteria.gauss_newton import GaussNewton
from kerasprune.criteria.geometric_median import GeometricMedian
from kerasprune.criteria.linear import Linear
from kerasprune.criteria.magnitude import Magnitude
from kerasprune.criteria.obs import OptimalBrainSurgeon
from kerasprune.criteria.oracle import Oracle
from kerasprune.criteria.quadratic import Quadratic
from kerasprune.criteria.random import Random
from kerasprune.criteria.ranking import ranking
from kerasprune.criteria.reconstruction import Reconstruction
from kerasprune.criteria.score import score
from kerasprune.criteria.taylor import Taylor

__all__ = [
    "CRITERIA",
    "Activation",
    "BatchNormalizationScale",
    "Correlation",
    "Fisher",
    "GaussNewton",
    "GeometricMedian",
    "Linear",
    "Magnitude",
    "OptimalBrainSurgeon",
    "Oracle",
    "Quadratic",
    "Random",
    "Reconstruction",
    "Taylor",
    "gain_curve",
    "names",
    "ranking",
    "register",
    "score",
]

names = CRITERIA.names
register = CRITERIA.register
CRITERIA.collect(__name__)
