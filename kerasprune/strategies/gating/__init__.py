"""Channel gates that are learned inside `model.fit`."""

from kerasprune.strategies.gating.gate import gate
from kerasprune.strategies.gating.gated_model import GatedModel
from kerasprune.strategies.gating.rerank import Rerank

__all__ = ["GatedModel", "Rerank", "gate"]
