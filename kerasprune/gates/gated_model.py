"""The model that `gate` returns."""

import keras

from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.placed_gates import find_placed, placed_gates
from kerasprune.graph import layers_inside
from kerasprune.scheduled import ScheduledModel


@keras.saving.register_keras_serializable(package="kerasprune")
class GatedModel(ScheduledModel):
    """A functional model whose gates meet a budget inside `fit`, with their state in the logs of every epoch.

    The logs are those of `KeepBudget`.
    """

    @property
    def gates(self) -> tuple[ChannelGate, ...]:
        """The gate layers: one with all gates that `gate` has built in, or those that stood in the model."""
        return tuple(layer for layer in layers_inside(self) if isinstance(layer, ChannelGate))

    def fit(self, *args, **kwargs):
        """As in `ScheduledModel`; gates from a file share their budget again."""
        placed = placed_gates(self)
        if placed and placed[0].budget is None:
            find_placed(self).share(placed[0].limits)
        return super().fit(*args, **kwargs)
