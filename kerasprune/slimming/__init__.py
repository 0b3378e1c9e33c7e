"""The slimmed model, the masked model that it must equal, and the proof that it does."""

from kerasprune.slimming.dead import Dead, find_dead
from kerasprune.slimming.mask import mask, masked_ids, set_masks
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.opening import stand_in
from kerasprune.slimming.slim import masked, slim
from kerasprune.slimming.strip import strip
from kerasprune.slimming.switched import Switched
from kerasprune.slimming.verify import measure_inexact, verify

__all__ = [
    "Dead",
    "NeuronMask",
    "Switched",
    "find_dead",
    "mask",
    "masked",
    "masked_ids",
    "measure_inexact",
    "set_masks",
    "slim",
    "stand_in",
    "strip",
    "verify",
]
