"""Rebuilding models without the channels that are not kept, and proving that nothing else changed."""

from kerasprune.compression.dead import Dead, find_dead
from kerasprune.compression.inputs import random_inputs
from kerasprune.compression.merge import Merge
from kerasprune.compression.recalibrate import recalibrate
from kerasprune.compression.reconstruct import Reconstruct, RepayBias, reconstruct
from kerasprune.compression.recovery import (
    RECOVERIES,
    Damage,
    Recalibrate,
    Recovery,
    Repair,
    recovery,
    repair,
    resolve_recovery,
)
from kerasprune.compression.refit import Refit
from kerasprune.compression.slim import masked, slim
from kerasprune.compression.verify import measure_inexact, verify

__all__ = [
    "RECOVERIES",
    "Damage",
    "Dead",
    "Merge",
    "Recalibrate",
    "Reconstruct",
    "Recovery",
    "Refit",
    "Repair",
    "RepayBias",
    "find_dead",
    "masked",
    "measure_inexact",
    "random_inputs",
    "recalibrate",
    "reconstruct",
    "recovery",
    "repair",
    "resolve_recovery",
    "slim",
    "verify",
]
