"""Where pruning and training alternate."""

from kerasprune.strategies.compress import Compression, compress
from kerasprune.strategies.iterative import Iterative
from kerasprune.strategies.one_shot import OneShot
from kerasprune.strategies.registry import STRATEGIES, strategy
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.schedule import SCHEDULES

__all__ = [
    "SCHEDULES",
    "STRATEGIES",
    "Compression",
    "Iterative",
    "OneShot",
    "Rounds",
    "State",
    "compress",
    "strategy",
]
