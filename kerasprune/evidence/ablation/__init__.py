"""The exact loss without some channels, for many channels and many keeps."""

from kerasprune.evidence.ablation.ablation import Ablation
from kerasprune.evidence.ablation.side_by_side import SideBySide

__all__ = ["Ablation", "SideBySide"]
