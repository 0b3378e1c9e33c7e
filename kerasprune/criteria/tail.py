"""What runs again when one channel of a group reads zero."""

import functools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from kerasprune.criteria.gains import Gained, Gains
from kerasprune.criteria.sample_loss import OutputLoss
from kerasprune.criteria.updates import channel_axis, update_of
from kerasprune.graph import Node, nodes


class Segment(keras.Model):
    """A part of a model: from some of its tensors to others.

    Args:
        inner: The inner model of a `GainModel`, whose layers run.
        calls: What runs, in order.
        sources: The tensors that are given.
        targets: The tensors that are returned.
    """

    def __init__(self, inner: keras.Model, calls: Sequence[Node], sources: Sequence, targets: Sequence):
        super().__init__(name="segment", dtype="float32", autocast=False)
        self.inner = inner
        self.part = _Part(tuple(calls), tuple(map(id, sources)), tuple(map(id, targets)))
        self.trainable = False
        self.built = True

    def call(self, inputs):
        """The targets, in order."""
        tensors = dict(zip(self.part.sources, inputs, strict=True))
        for node in self.part.calls:
            _play(node, tensors)
        return [tensors[target] for target in self.part.targets]


class Judged(Segment):
    """A segment that judges the outputs of the model, which are its last targets.

    Args:
        losses: The losses of the outputs.
        inner: As in `Segment`.
        calls: Likewise.
        sources: Likewise.
        targets: Likewise, before the outputs.
    """

    def __init__(self, losses: tuple[OutputLoss, ...], inner: keras.Model, calls, sources, targets):
        super().__init__(inner, calls, sources, [*targets, *inner.outputs])
        self.judges = losses

    def call(self, inputs):
        """The targets without the outputs, and the loss of each judged output, summed over the samples.

        Args:
            inputs: The sources, the sample weights, (batch,), and the labels of the judged outputs.
        """
        count = len(self.part.sources)
        found = super().call(inputs[:count])
        weights, *labels = inputs[count:]
        start = len(found) - len(self.inner.outputs)
        sums = [
            ops.sum(judge(label, found[start + judge.place]) * weights)
            for judge, label in zip(self.judges, labels, strict=True)
        ]
        return [*found[:start], ops.stack(sums)]


@dataclass(frozen=True, eq=False)
class _Part:
    """The attributes of a `Segment`; Keras would turn lists into its own."""

    calls: tuple[Node, ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]


class Tail(keras.Model):
    """The loss when each of some channels of one group alone reads zero, of the outputs that feel it.

    Only what depends on the group runs: the tensors that cross the cut are given. Several candidates run at once, side
    by side on the batch axis. Where a layer that is linear in its input channels reads the group first, what a channel
    contributes is subtracted from what the layer makes of all of them.

    Args:
        inner: The inner model of a `GainModel`, whose layers run.
        plan: What runs.
        ids: int (width,), the channels of the group.
        at_once: Candidates that run together.
        losses: The losses of the outputs.
    """

    def __init__(self, inner: keras.Model, plan: "Plan", ids: np.ndarray, at_once: int, losses: tuple[OutputLoss, ...]):
        super().__init__(name="tail", dtype="float32", autocast=False)
        self.inner = inner
        self.plan = plan
        self.ids = ids
        self.at_once = at_once
        reached = {id(tensor) for step in plan.steps for tensor in step.node.outputs}
        self.felt = np.array([id(inner.outputs[judge.place]) in reached for judge in losses])
        self.judges = losses
        # On a processor, Keras compiles for TensorFlow only what it is told to; here it saves passes over the memory.
        self.jit_compile = all(getattr(layer, "supports_jit", True) for layer in inner._flatten_layers())
        self.trainable = False
        self.built = True

    def call(self, inputs):
        """The loss of every candidate, summed over the samples: (candidates,).

        Args:
            inputs: The crossing tensors, the gains, float (1, num_ids), the places of the candidates among the ids,
                int (candidates,), the sample weights, (batch,), and the labels of the judged outputs.
        """
        count = len(self.plan.crossing)
        gains, chosen, weights, *labels = inputs[count:]
        tensors = dict(zip(map(id, self.plan.crossing), inputs[:count], strict=True))
        run = _Run(self, tensors, gains, chosen, weights.shape[0])
        for step in self.plan.steps:
            step(run)
        losses = [
            judge(_tiled(label, self.at_once), run.many[id(self.inner.outputs[judge.place])])
            for judge, label, felt in zip(self.judges, labels, self.felt, strict=True)
            if felt
        ]
        return ops.sum(run.apart(sum(losses)) * weights, axis=1)


class _Run:
    """One call of a `Tail`: the tensors that it has, some of them (batch, ...), some (candidates * batch, ...)."""

    def __init__(self, tail: Tail, tensors: dict, gains, chosen, size: int):
        self.at_once = tail.at_once
        self.size = size
        self.single = tensors
        self.many: dict[int, object] = {}
        self.gains = gains
        self.chosen = chosen
        self.ids = ops.take(np.asarray(tail.ids), chosen)

    def beside(self, tensor: keras.KerasTensor):
        """A tensor with one copy for each candidate."""
        if id(tensor) not in self.many:
            self.many[id(tensor)] = _tiled(self.single[id(tensor)], self.at_once)
        return self.many[id(tensor)]

    def apart(self, tensor):
        """(candidates, batch, ...) of a tensor (candidates * batch, ...)."""
        return ops.reshape(tensor, (self.at_once, self.size, *ops.shape(tensor)[1:]))

    def together(self, tensor):
        """(candidates * batch, ...) of a tensor (candidates, batch, ...)."""
        return ops.reshape(tensor, (-1, *ops.shape(tensor)[2:]))


@dataclass(frozen=True, eq=False)
class Call:
    """An ordinary call, for all candidates side by side."""

    node: Node

    def __call__(self, run: _Run) -> None:
        _play(self.node, {id(tensor): run.beside(tensor) for tensor in self.node.inputs}, run.many)


@dataclass(frozen=True, eq=False)
class Silence:
    """Every candidate reads zero here, and what is gone already, too."""

    node: Node

    @functools.cached_property
    def layer(self) -> Gained:
        """Multiplies; a layer, so that masks pass."""
        return Gained(self.node.operation.axis, np.arange(len(self.node.operation.labels)))

    def __call__(self, run: "_Run") -> None:
        labels = np.asarray(self.node.operation.labels)
        stays = ops.cast(ops.not_equal(labels, ops.expand_dims(run.ids, 1)), run.gains.dtype)  # (candidates, width)
        values = run.beside(self.node.inputs[0])
        rows = ops.repeat(stays * ops.take(run.gains, labels, axis=1), run.size, axis=0)
        run.many[id(self.node.outputs[0])] = self.layer(values, rows)


@dataclass(frozen=True, eq=False)
class Update:
    """What a layer makes, less what every candidate contributes to it.

    Attributes:
        node: The call of the layer.
        source: What it reads, before the gains.
        positions: int (width of the group, members), where each channel of the group stands on the channel axis.
        valid: float (width of the group, members), 0 where there are fewer members than columns.
    """

    node: Node
    source: keras.KerasTensor
    positions: np.ndarray
    valid: np.ndarray

    def __call__(self, run: _Run) -> None:
        positions = ops.take(self.positions, run.chosen, axis=0)
        factors = ops.take(self.valid, run.chosen, axis=0) * ops.reshape(ops.take(run.gains, run.ids, axis=1), (-1, 1))
        update = update_of(self.node.operation)
        lost = update(self.node.operation, run.single[id(self.source)], positions, factors)
        (output,) = self.node.outputs
        run.many[id(output)] = run.together(ops.expand_dims(run.single[id(output)], 0) - lost)


@dataclass(frozen=True, eq=False)
class Plan:
    """How to run again what depends on a group.

    Attributes:
        steps: What is done, in order.
        crossing: The tensors that this needs and that do not depend on the group, and what the layers of the updates
            make of all channels.
        floats: The most numbers that one step reads and writes for one candidate and sample; None if it is not known.
    """

    steps: tuple[Call | Silence | Update, ...]
    crossing: tuple[keras.KerasTensor, ...]
    floats: int | None


@dataclass
class _Planner:
    """Goes through the calls in order and sorts them."""

    ids: np.ndarray
    everything: bool  # whether all calls run again
    touched: set[int] = field(default_factory=set)
    held: dict[int, Node] = field(default_factory=dict)  # gained tensors of which one channel alone changes
    steps: list = field(default_factory=list)
    crossing: dict[int, keras.KerasTensor] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """Sort one call."""
        layer = node.operation
        if isinstance(layer, Gains):
            return
        if self._is_update(node):
            self._update(node)
            return
        for tensor in node.inputs:
            if id(tensor) in self.held and id(tensor) not in self.touched:
                self._step(*_silence(self.held[id(tensor)]))
        reached = self.everything or any(id(tensor) in self.touched for tensor in node.inputs)
        if reached:
            self._step(*(_silence(node) if isinstance(layer, Gained) else (Call(node), node.inputs)))
        elif isinstance(layer, Gained) and np.isin(layer.labels, self.ids).any():
            self.held[id(node.outputs[0])] = node

    def _is_update(self, node: Node) -> bool:
        if len(node.inputs) != 1 or id(node.inputs[0]) not in self.held or update_of(node.operation) is None:
            return False
        gained = self.held[id(node.inputs[0])].operation
        return gained.axis == channel_axis(node.operation, len(node.inputs[0].shape))

    def _update(self, node: Node) -> None:
        gained = self.held[id(node.inputs[0])]
        source, labels = gained.inputs[0], gained.operation.labels
        members = [np.flatnonzero(labels == channel) for channel in self.ids]
        most = max(map(len, members))
        positions = np.stack([np.resize(found, most) if len(found) else np.zeros(most, int) for found in members])
        valid = np.stack([np.arange(most) < len(found) for found in members]).astype("float32")
        update = Update(node, source, positions.astype("int32"), valid)
        self._step(update, (source, *node.outputs))

    def _step(self, step, needed: Collection) -> None:
        self.steps.append(step)
        self.crossing |= {id(tensor): tensor for tensor in needed if id(tensor) not in self.touched}
        self.touched.update(map(id, step.node.outputs))


def _silence(node: Node) -> tuple[Silence, Collection]:
    """The step, and what it needs: the gains are given apart."""
    return Silence(node), node.inputs[:1]


def plan(model: keras.Model, ids: np.ndarray) -> Plan:
    """How to run again what depends on the channels `ids`.

    Args:
        model: The inner model of a `GainModel`.
        ids: int (width,), the channels of one group.
    """
    planner = _Planner(ids, everything=_makes_masks(model))
    for node in nodes(model):
        planner.add(node)
    return Plan(tuple(planner.steps), tuple(planner.crossing.values()), _floats(planner.steps))


def _makes_masks(model: keras.Model) -> bool:
    """Whether a layer may put a mask beside a tensor: Keras gives it to no one who carries the tensor over a cut."""
    return any(_makes_mask(node.operation) for node in nodes(model))


def _makes_mask(operation: keras.Operation) -> bool:
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, (Gains, Gained)):
        return False
    if isinstance(operation, keras.layers.Masking) or getattr(operation, "mask_zero", False):
        return True
    compute = type(operation).compute_mask
    return compute.__module__.partition(".")[0] != "keras"  # the other layers of Keras only pass masks on


def _floats(steps: Collection) -> int | None:
    sizes = [[_size(tensor) for tensor in (*step.node.inputs, *step.node.outputs)] for step in steps]
    if any(size is None for sizes_of_step in sizes for size in sizes_of_step):
        return None
    return max(map(sum, sizes), default=0)


def _size(tensor: keras.KerasTensor) -> int | None:
    return None if None in tensor.shape[1:] else math.prod(tensor.shape[1:])


def _play(node: Node, tensors: dict[int, object], into: dict[int, object] | None = None) -> None:
    args, kwargs = node.fill(tensors)
    outputs = keras.tree.flatten(node.operation(*args, **kwargs))
    into = tensors if into is None else into
    into.update(zip(map(id, node.outputs), outputs, strict=True))


def _tiled(tensor, times: int):
    return tensor if times == 1 else ops.tile(tensor, [times, *[1] * (len(tensor.shape) - 1)])
