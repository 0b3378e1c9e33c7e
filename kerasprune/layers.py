"""Layers and wrappers that one places by hand: masks and gates on channels, and gates on single weights."""

from kerasprune.gates import Gated, GradualGate, GumbelGate, HardConcreteGate
from kerasprune.slimming import NeuronMask
from kerasprune.sparse import Sparse

__all__ = ["Gated", "GradualGate", "GumbelGate", "HardConcreteGate", "NeuronMask", "Sparse"]
