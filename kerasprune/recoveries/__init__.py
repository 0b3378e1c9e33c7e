"""What can be done for a slimmed model without labels and without training."""

from kerasprune.recoveries.merge import Merge
from kerasprune.recoveries.recalibrate import recalibrate
from kerasprune.recoveries.reconstruct import Reconstruct, RepayBias, reconstruct
from kerasprune.recoveries.recovery import (
    RECOVERIES,
    Damage,
    Recalibrate,
    Recovery,
    Repair,
    recovery,
    repair,
    resolve_recovery,
)
from kerasprune.recoveries.refit import Refit

__all__ = [
    "RECOVERIES",
    "Damage",
    "Merge",
    "Recalibrate",
    "Reconstruct",
    "Recovery",
    "Refit",
    "Repair",
    "RepayBias",
    "recalibrate",
    "reconstruct",
    "recovery",
    "repair",
    "resolve_recovery",
]
