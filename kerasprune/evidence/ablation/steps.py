"""What a tail does, step by step, for several candidates side by side on the batch axis."""

import functools
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.evidence.ablation.updates import contribution, updatable
from kerasprune.evidence.gains import Gained
from kerasprune.graph import Call, run


@dataclass(eq=False)
class Trial:
    """What one call of a `Tail` has.

    Attributes:
        at_once: Number of candidates.
        size: Number of samples.
        single: Tensors (batch, ...) by the id of the symbolic one.
        rows: float (candidates, num_ids), the gains under which each runs.
        chosen: int (candidates,), the place in the group of the one channel that each is without; None where they are
            without several.
        lost: float (candidates,), the gain that this channel had.
        many: Tensors (candidates * batch, ...), likewise.
    """

    at_once: int
    size: int
    single: dict[int, Any]
    rows: Any
    chosen: Any = None
    lost: Any = None
    many: dict[int, Any] = field(default_factory=dict)

    def beside(self, tensor: keras.KerasTensor):
        """A tensor with one copy for each candidate."""
        if id(tensor) not in self.many:
            self.many[id(tensor)] = tiled(self.single[id(tensor)], self.at_once)
        return self.many[id(tensor)]

    def apart(self, tensor):
        """(candidates, batch, ...) of a tensor (candidates * batch, ...)."""
        return ops.reshape(tensor, (self.at_once, self.size, *ops.shape(tensor)[1:]))

    def together(self, tensor):
        """(candidates * batch, ...) of a tensor (candidates, batch, ...)."""
        return ops.reshape(tensor, (-1, *ops.shape(tensor)[2:]))


@dataclass(frozen=True, eq=False)
class Repeat:
    """An ordinary call, for all candidates side by side."""

    call: Call

    def __call__(self, trial: Trial) -> None:
        trial.many |= run([self.call], {id(tensor): trial.beside(tensor) for tensor in self.call.inputs})


@dataclass(frozen=True, eq=False)
class Silence:
    """Every candidate reads zero here of what it is without, and of what is gone already."""

    call: Call

    @functools.cached_property
    def layer(self) -> Gained:
        """Multiplies; a layer, so that masks pass."""
        return Gained(self.call.operation.axis, np.arange(len(self.call.operation.labels)))

    def __call__(self, trial: Trial) -> None:
        labels = np.asarray(self.call.operation.labels)
        values = trial.beside(self.call.inputs[0])
        rows = ops.repeat(ops.take(trial.rows, labels, axis=1), trial.size, axis=0)  # (candidates * batch, width)
        trial.many[id(self.call.outputs[0])] = self.layer(values, rows)


@dataclass(frozen=True, eq=False)
class Update:
    """What a layer makes, less what every candidate contributes to it.

    Attributes:
        call: The call of the layer.
        source: What it reads, before the gains.
        positions: int (width of the group, members), where each channel of the group stands on the channel axis.
        valid: float (width of the group, members), 0 where there are fewer members than columns.
    """

    call: Call
    source: keras.KerasTensor
    positions: np.ndarray
    valid: np.ndarray

    def __call__(self, trial: Trial) -> None:
        positions = ops.take(self.positions, trial.chosen, axis=0)
        factors = ops.take(self.valid, trial.chosen, axis=0) * ops.expand_dims(trial.lost, 1)
        made = trial.single[id(self.call.outputs[0])]
        read = ops.cast(trial.single[id(self.source)], made.dtype)  # as the layer casts what it is given
        lost = contribution(updatable(self.call.operation), read, positions, factors)
        trial.many[id(self.call.outputs[0])] = trial.together(ops.expand_dims(made, 0) - lost)


Step = Repeat | Silence | Update


def tiled(tensor, times: int):
    """A tensor so many times one after the other on the batch axis."""
    return tensor if times == 1 else ops.tile(tensor, [times, *[1] * (len(tensor.shape) - 1)])
