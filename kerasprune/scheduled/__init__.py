"""Layers whose state follows a schedule through training, and what `fit` and they tell each other."""

from kerasprune.scheduled.model_around import model_around
from kerasprune.scheduled.schedule_progress import ScheduleProgress, scheduled_layers
from kerasprune.scheduled.scheduled_layer import ScheduledLayer, read
from kerasprune.scheduled.scheduled_model import ScheduledModel

__all__ = ["ScheduleProgress", "ScheduledLayer", "ScheduledModel", "model_around", "read", "scheduled_layers"]
