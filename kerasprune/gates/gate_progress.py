"""What the gates tell `fit`, and what `fit` tells the gates."""

import warnings

import keras
import numpy as np

from kerasprune.core import OptionError
from kerasprune.gates.channel_gate import ChannelGate, read
from kerasprune.gates.gate_costs import GateCosts


class GateProgress(keras.callbacks.Callback):
    """Sets the length of the gates' schedule, and adds their state to the logs of every epoch.

    The logs get `expected_flops` and `hard_flops` (or `params`, `channels`) for every limit of the budget, the expected
    cost under the keep probabilities and the cost of the slimmed model, as fractions of the limit; `kept_channels` in
    total; and `kept/GROUP` for every group. Every other callback sees them: History, TensorBoard, CSVLogger.

    Args:
        gates: The gate layer.

    Raises:
        OptionError: Nobody knows how many steps an epoch has.
    """

    def __init__(self, gates: ChannelGate):
        super().__init__()
        self.gates = gates
        self.costs = GateCosts.from_config(gates.costs)

    def on_train_begin(self, logs=None):
        self.before = read(self.gates.evidence)
        self.was_settled = self.gates.settled
        if self.gates.steps is None and float(read(self.gates.step)) == 0:
            if self.params["steps"] is None:
                raise OptionError(
                    "The data does not say how many steps an epoch has, so the gates cannot plan their schedule. "
                    "Pass steps_per_epoch=... to `fit`, or steps=... to `gate`."
                )
            self.gates.total.assign(self.params["steps"] * self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update(self.report())

    def on_train_end(self, logs=None):
        if np.array_equal(self.before, read(self.gates.evidence)):
            warnings.warn(f"The gates did not learn anything during `fit`: {self._why_still()}.", stacklevel=2)

    def report(self) -> dict[str, float]:
        """The entries of the logs."""
        gates = self.gates
        keep = read(gates.keep)
        evidence = gates.speed * read(gates.evidence)
        logits = (evidence - float(read(gates.level))) / float(read(gates.temperature))
        expected = keep if gates.settled or not gates.learns else read(gates.probability(logits.astype("float32")))
        entries = {f"expected_{name}": cost for name, cost in self.costs.of(expected).items()}
        entries |= {f"hard_{name}": cost for name, cost in self.costs.of(keep).items()}
        entries["kept_channels"] = int(keep.sum())
        groups = np.split(keep, np.cumsum(gates.widths)[:-1])
        return entries | {f"kept/{name}": int(group.sum()) for name, group in zip(gates.names, groups, strict=True)}

    def _why_still(self) -> str:
        if not self.gates.learns:
            return "this kind is ranked from outside; pass the callback `Rerank` to `fit`"
        if not self.gates.evidence.trainable or not self.gates.trainable:
            return "`gated.gates` is not trainable; set `gated.gates.trainable = True` and compile again"
        if self.was_settled:
            return "their schedule was over; gate the model again, or pass steps=... to `gate`"
        return "their gradients or the learning rate are zero; check the loss and the optimizer"
