"""What a sparse network has learned, in numbers, words and pictures."""

from kerasprune.explanation.explain import Explanation, Pathway, Symmetry, explain
from kerasprune.explanation.plots import PLOTS, plot

__all__ = [
    "PLOTS",
    "Explanation",
    "Pathway",
    "Symmetry",
    "explain",
    "plot",
]
