"""The model that `gate` returns."""

import inspect

import keras

from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.gate_progress import GateProgress
from kerasprune.gates.strip_gates import find_gates


@keras.saving.register_keras_serializable(package="kerasprune")
class GatedModel(keras.Model):
    """A functional model with gates; `fit` tells them how long training lasts, and reports on them in its logs."""

    @property
    def gates(self) -> ChannelGate:
        """The gate layer."""
        return find_gates(self)

    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`, with the gates' progress in the logs of every epoch, see `GateProgress`."""
        bound = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        given = bound.arguments.get("callbacks")
        progress = GateProgress(self.gates)
        if isinstance(given, keras.callbacks.CallbackList):
            given.append(progress)
        else:
            bound.arguments["callbacks"] = [progress, *keras.tree.flatten(given or [])]
        return super().fit(*bound.args[1:], **bound.kwargs)
