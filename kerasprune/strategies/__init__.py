"""Where pruning and training alternate."""

from kerasprune.strategies.compress import Compression, compress
from kerasprune.strategies.iterative import Iterative
from kerasprune.strategies.one_shot import OneShot
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.serial import Serial
from kerasprune.strategies.strategy import STRATEGIES

__all__ = [
    "STRATEGIES",
    "Compression",
    "Iterative",
    "OneShot",
    "Rounds",
    "Serial",
    "State",
    "compress",
    "names",
    "register",
]

names = STRATEGIES.names
register = STRATEGIES.register
STRATEGIES.collect(__name__)
