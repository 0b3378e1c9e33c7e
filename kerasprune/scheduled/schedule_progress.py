"""What `fit` tells layers with a schedule, and what they tell it."""

import warnings

import keras
import numpy as np

from kerasprune.core import OptionError
from kerasprune.graph import layers_inside
from kerasprune.scheduled.scheduled_layer import ScheduledLayer


class ScheduleProgress(keras.callbacks.Callback):
    """Sets the length of the schedules of all layers of a model that have one, and adds their state to the logs.

    Every other callback sees the entries: History, TensorBoard, CSVLogger.

    Raises:
        OptionError: Nobody knows how many steps an epoch has, or the model has no layer with a schedule.
    """

    def on_train_begin(self, logs=None):
        self.layers = scheduled_layers(self.model)
        if not self.layers:
            raise OptionError(
                f"{self.model.name!r} has no gates and no sparse weights. Place some from `kerasprune.layers`, or use "
                "the model that `gate` or `sparsify` returns."
            )
        self.before = [layer.learned() for layer in self.layers]
        self.were_settled = [layer.settled for layer in self.layers]
        waiting = [layer for layer in self.layers if not layer.is_told]
        if waiting and self.params["steps"] is None:
            raise OptionError(
                f"The data does not say how many steps an epoch has, so `{waiting[0].name}` cannot plan its schedule. "
                "Pass steps_per_epoch=... to `fit`, or steps=... where the gates are made."
            )
        for layer in waiting:
            layer.total.assign(self.params["steps"] * self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update(self.report())

    def on_train_end(self, logs=None):
        for layer, before, was_settled in zip(self.layers, self.before, self.were_settled, strict=True):
            if np.array_equal(before, layer.learned()):
                over = "its schedule was over; make it anew, or pass steps=... where it is made"
                why = over if was_settled else layer.reason_for_rest()
                warnings.warn(f"`{layer.name}` did not learn anything during `fit`: {why}.", stacklevel=2)

    def report(self) -> dict[str, float]:
        """The entries of the logs."""
        entries: dict[str, float] = {}
        for layer in self.layers:
            for name, count in layer.counts().items():
                entries[name] = entries.get(name, 0) + count
            entries |= layer.report()
        return entries


def scheduled_layers(model: keras.Model) -> list[ScheduledLayer]:
    """The layers of a model that have a schedule, at any depth, each once."""
    return [layer for layer in layers_inside(model) if isinstance(layer, ScheduledLayer)]
