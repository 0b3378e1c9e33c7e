"""Where pruning and training alternate."""

from kerasprune.core.schedule import SCHEDULES
from kerasprune.strategies.compress import Compression, compress
from kerasprune.strategies.gating import GatedModel, Rerank, gate
from kerasprune.strategies.iterative import Iterative
from kerasprune.strategies.one_shot import OneShot
from kerasprune.strategies.registry import STRATEGIES, strategy
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.serial import Serial
from kerasprune.strategies.sparsify import METHODS, sparsifier, sparsify, strip

__all__ = [
    "METHODS",
    "SCHEDULES",
    "STRATEGIES",
    "Compression",
    "GatedModel",
    "Iterative",
    "OneShot",
    "Rerank",
    "Rounds",
    "Serial",
    "State",
    "compress",
    "gate",
    "sparsifier",
    "sparsify",
    "strategy",
    "strip",
]
