"""What a sparse network has learned, in numbers, words and pictures."""

from kerasprune.explanation import plots  # noqa: F401  (importing the plots registers them)
from kerasprune.explanation.explain import Explanation, Pathway, Symmetry, explain

__all__ = [
    "Explanation",
    "Pathway",
    "Symmetry",
    "explain",
]
