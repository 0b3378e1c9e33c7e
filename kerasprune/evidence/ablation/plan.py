"""Which calls a group of channels reaches, and how they are run again."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import keras
import numpy as np

from kerasprune.evidence.ablation.steps import Repeat, Silence, Step, Update
from kerasprune.evidence.ablation.updates import updatable
from kerasprune.evidence.gains import Gained, Gains
from kerasprune.graph import Call, calls_of


@dataclass(frozen=True, eq=False)
class AblationPlan:
    """How to run again what depends on a group.

    Attributes:
        steps: What is done, in order.
        crossing: The tensors that this needs and that do not depend on the group, and what the layers of the updates
            make of all channels.
        floats: The most numbers that one step reads and writes for one candidate and sample; None if it is not known.
    """

    steps: tuple[Step, ...]
    crossing: tuple[keras.KerasTensor, ...]
    floats: int | None


@dataclass
class _Planner:
    """Goes through the calls in order and sorts them."""

    ids: np.ndarray
    singly: bool  # whether a candidate is without one channel
    everything: bool  # whether all calls run again
    touched: set[int] = field(default_factory=set)
    held: dict[int, Call] = field(default_factory=dict)  # gained tensors of which one channel alone changes
    steps: list = field(default_factory=list)
    crossing: dict[int, keras.KerasTensor] = field(default_factory=dict)

    def add(self, call: Call) -> None:
        """Sort one call."""
        layer = call.operation
        if isinstance(layer, Gains):
            return
        if self._is_update(call):
            self._update(call)
            return
        for tensor in call.inputs:
            if id(tensor) in self.held and id(tensor) not in self.touched:
                self._step(*_silence(self.held[id(tensor)]))
        reached = self.everything or any(id(tensor) in self.touched for tensor in call.inputs)
        if reached:
            self._step(*(_silence(call) if isinstance(layer, Gained) else (Repeat(call), call.inputs)))
        elif isinstance(layer, Gained) and np.isin(layer.labels, self.ids).any():
            self.held[id(call.outputs[0])] = call

    def _is_update(self, call: Call) -> bool:
        alone = self.singly and len(call.inputs) == 1 and id(call.inputs[0]) in self.held
        if not alone or size(call.inputs[0]) is None:
            return False
        linear, gained = updatable(call.operation), self.held[id(call.inputs[0])].operation
        return linear is not None and gained.axis == linear.inputs[0] % len(call.inputs[0].shape)

    def _update(self, call: Call) -> None:
        gained = self.held[id(call.inputs[0])]
        source, labels = gained.inputs[0], gained.operation.labels
        members = [np.flatnonzero(labels == channel) for channel in self.ids]
        most = max(map(len, members))
        positions = np.stack([np.resize(found, most) if len(found) else np.zeros(most, int) for found in members])
        valid = np.stack([np.arange(most) < len(found) for found in members]).astype("float32")
        update = Update(call, source, positions.astype("int32"), valid)
        self._step(update, (source, *call.outputs))

    def _step(self, step, needed: Collection) -> None:
        self.steps.append(step)
        self.crossing |= {id(tensor): tensor for tensor in needed if id(tensor) not in self.touched}
        self.touched.update(map(id, step.call.outputs))


def _silence(call: Call) -> tuple[Silence, Collection]:
    """The step, and what it needs: the gains are given apart."""
    return Silence(call), call.inputs[:1]


def plan(model: keras.Model, ids: np.ndarray, singly: bool = True) -> AblationPlan:
    """How to run again what depends on the channels `ids`.

    Args:
        model: The inner model of a `GainModel`.
        ids: int (width,), the channels of one group.
        singly: Whether a candidate is without one of them, and not several: what that one contributes to a linear
            layer is then subtracted.
    """
    planner = _Planner(ids, singly, everything=_makes_masks(model))
    for call in calls_of(model):
        planner.add(call)
    return AblationPlan(tuple(planner.steps), tuple(planner.crossing.values()), _floats(planner.steps))


def _makes_masks(model: keras.Model) -> bool:
    """Whether a layer may put a mask beside a tensor: Keras gives it to no one who carries the tensor over a cut."""
    return any(_makes_mask(call.operation) for call in calls_of(model))


def _makes_mask(operation: keras.Operation) -> bool:
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, (Gains, Gained)):
        return False
    if isinstance(operation, keras.layers.Masking) or getattr(operation, "mask_zero", False):
        return True
    compute = type(operation).compute_mask
    return compute.__module__.partition(".")[0] != "keras"  # the other layers of Keras only pass masks on


def _floats(steps: Collection) -> int | None:
    sizes = [[size(tensor) for tensor in (*step.call.inputs, *step.call.outputs)] for step in steps]
    if any(None in sizes_of_step for sizes_of_step in sizes):
        return None
    return max(map(sum, sizes), default=0)


def size(tensor: keras.KerasTensor) -> int | None:
    """Numbers that a tensor holds for one sample; None if it is not known."""
    return None if None in tensor.shape[1:] else math.prod(tensor.shape[1:])
