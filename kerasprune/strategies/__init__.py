"""Where pruning and training alternate."""

from kerasprune.strategies.choice import Choice, Way
from kerasprune.strategies.compress import Compression, compress
from kerasprune.strategies.group_lasso import GroupLasso
from kerasprune.strategies.growing_regularization import GrowingRegularization
from kerasprune.strategies.iterative import Iterative
from kerasprune.strategies.judgement import Judgement
from kerasprune.strategies.lottery_ticket import LotteryTicket
from kerasprune.strategies.one_shot import OneShot
from kerasprune.strategies.phases import Pressed
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.sensitivity import sensitivity
from kerasprune.strategies.serial import Serial
from kerasprune.strategies.strategy import STRATEGIES
from kerasprune.strategies.tickets import Tickets
from kerasprune.strategies.train_prune_retrain import Thresholds, TrainPruneRetrain
from kerasprune.strategies.try_and_learn import TryAndLearn
from kerasprune.strategies.width_search import WidthSearch

__all__ = [
    "STRATEGIES",
    "Choice",
    "Compression",
    "GroupLasso",
    "GrowingRegularization",
    "Iterative",
    "Judgement",
    "LotteryTicket",
    "OneShot",
    "Pressed",
    "Rounds",
    "Serial",
    "State",
    "Thresholds",
    "Tickets",
    "TrainPruneRetrain",
    "TryAndLearn",
    "Way",
    "WidthSearch",
    "compress",
    "names",
    "register",
    "sensitivity",
]

names = STRATEGIES.names
register = STRATEGIES.register
STRATEGIES.collect(__name__)
