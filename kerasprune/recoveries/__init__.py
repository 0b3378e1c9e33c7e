"""What can be done for a slimmed model without labels and without training."""

from kerasprune.recoveries.merge import Merge
from kerasprune.recoveries.recalibrate import recalibrate
from kerasprune.recoveries.reconstruct import Reconstruct, RepayBias, reconstruct
from kerasprune.recoveries.recovery import RECOVERIES, Damage, Recalibrate, Recovery, Repair, repair, resolve_recovery
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
    "names",
    "recalibrate",
    "reconstruct",
    "register",
    "repair",
    "resolve_recovery",
]

names = RECOVERIES.names
register = RECOVERIES.register
RECOVERIES.collect(__name__)
