"""Rebuilding models without the channels that are not kept, and proving that nothing else changed."""

from kerasprune.compression.inputs import random_inputs
from kerasprune.compression.recalibrate import recalibrate
from kerasprune.compression.slim import masked, slim
from kerasprune.compression.verify import verify

__all__ = ["masked", "random_inputs", "recalibrate", "slim", "verify"]
