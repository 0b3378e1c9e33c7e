"""The exact loss without one channel, for many channels."""

from kerasprune.evidence.ablation.ablation import Ablation

__all__ = ["Ablation"]
