"""The only floor that runs models on data: what is read, what the loss feels, what happens without a channel."""

from kerasprune.evidence.ablation import Ablation, SideBySide
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.probe import Probe
from kerasprune.evidence.random_inputs import first_samples, random_inputs
from kerasprune.evidence.sampling import Sampling
from kerasprune.evidence.weighing import Weighing

__all__ = [
    "Ablation",
    "Evidence",
    "Probe",
    "Sampling",
    "SideBySide",
    "Weighing",
    "first_samples",
    "random_inputs",
]
