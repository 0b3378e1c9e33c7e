"""Keras layers that carry masks and gates."""

from kerasprune.layers.budgeted_gumbel_weights import BudgetedGumbelWeights
from kerasprune.layers.channel_gate import GATES, ChannelGate, gate_kind
from kerasprune.layers.gated import Gated
from kerasprune.layers.gated_kernel import GatedKernel
from kerasprune.layers.gradual_gate import GradualGate
from kerasprune.layers.gumbel_gate import GumbelGate
from kerasprune.layers.gumbel_weights import GumbelWeights
from kerasprune.layers.hard_concrete_gate import HardConcreteGate
from kerasprune.layers.magnitude_weights import MagnitudeWeights
from kerasprune.layers.neuron_mask import NeuronMask
from kerasprune.layers.scheduled_weights import ScheduledWeights
from kerasprune.layers.sparse_weights import SparseWeights, kernel_positions

__all__ = [
    "GATES",
    "BudgetedGumbelWeights",
    "ChannelGate",
    "Gated",
    "GatedKernel",
    "GradualGate",
    "GumbelGate",
    "GumbelWeights",
    "HardConcreteGate",
    "MagnitudeWeights",
    "NeuronMask",
    "ScheduledWeights",
    "SparseWeights",
    "gate_kind",
    "kernel_positions",
]
