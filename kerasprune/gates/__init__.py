"""Gates on channels, which are learned inside `model.fit`."""

from kerasprune.gates.channel_gate import GATES, ChannelGate
from kerasprune.gates.gate import gate
from kerasprune.gates.gated import Gated
from kerasprune.gates.gated_model import GatedModel
from kerasprune.gates.gradual_gate import GradualGate
from kerasprune.gates.gumbel_gate import GumbelGate
from kerasprune.gates.hard_concrete_gate import HardConcreteGate
from kerasprune.gates.keep_budget import KeepBudget
from kerasprune.gates.rerank import Rerank

__all__ = [
    "GATES",
    "ChannelGate",
    "Gated",
    "GatedModel",
    "GradualGate",
    "GumbelGate",
    "HardConcreteGate",
    "KeepBudget",
    "Rerank",
    "gate",
    "names",
    "register",
]

names = GATES.names
register = GATES.register
GATES.collect(__name__)
