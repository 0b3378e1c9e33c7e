"""Making single weights zero while a model trains."""

from kerasprune.strategies.sparsify import gumbel, magnitude  # noqa: F401  (they register themselves)
from kerasprune.strategies.sparsify.registry import METHODS, sparsifier
from kerasprune.strategies.sparsify.sparsify import sparsify
from kerasprune.strategies.sparsify.strip import strip

__all__ = ["METHODS", "sparsifier", "sparsify", "strip"]
