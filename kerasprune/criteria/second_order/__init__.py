"""First and second derivatives of a loss, propagated back through a model: a step per class of layers."""

from kerasprune.criteria.second_order import affine, joins, moves, pooling  # noqa: F401  (they register themselves)
from kerasprune.criteria.second_order.activations import DERIVATIVES
from kerasprune.criteria.second_order.passes import Passes
from kerasprune.criteria.second_order.step import STEPS, step

__all__ = ["DERIVATIVES", "STEPS", "Passes", "step"]
