"""The slimmed model, the masked model that it must equal, and the proof that it does."""

from kerasprune.slimming.dead import Dead, find_dead
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.slim import masked, slim
from kerasprune.slimming.verify import measure_inexact, verify

__all__ = [
    "Dead",
    "NeuronMask",
    "find_dead",
    "masked",
    "measure_inexact",
    "slim",
    "verify",
]
