"""Channels whose values do not depend on the inputs, and what they add to the layers that read them."""

from collections import Counter
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.evidence.random_inputs import random_inputs
from kerasprune.graph import Call, Env, LinearLayer, Program, find_linear_layer, find_rule, run
from kerasprune.slimming.neuron_mask import NeuronMask

_CHUNK = 32  # ids whose responses are computed at once
_EQUAL = 1e-6  # differences over positions that are rounding, relative to the largest response


@dataclass(frozen=True, eq=False)
class ConstantReads:
    """The constants that one layer reads.

    Attributes:
        ids: int (n,), their ids.
        response: float (width, n), what each adds to the outputs before bias and activation.
        uniform: bool (n,), whether the layer can do without it: it reads zero, or what it adds can move into the bias
            because it is the same at every position.
        reason: Why the layer cannot take over any that is not zero, or None.
    """

    ids: np.ndarray
    response: np.ndarray
    uniform: np.ndarray
    reason: str | None = None


def constant_reads(model: keras.Model, graph: ChannelGraph) -> dict[str, ConstantReads]:
    """For every layer or operation that reads constants, which and what they add; by path.

    That a channel is constant is derived from masks and from zeros in the weights; its value is read off one run on
    random inputs.

    Args:
        model: A functional model.
        graph: Its trace.
    """
    return {
        path: _measure(*reads[0]) if calls == 1 else _measure_several(reads, calls)
        for path, (reads, calls) in _found(model, graph).items()
    }


def zero_reads(model: keras.Model, graph: ChannelGraph) -> dict[str, np.ndarray]:
    """For every layer or operation that reads zeros whatever the inputs are, which ids these are, in all its calls.

    Returns:
        Path to bool (num_ids,).
    """
    flags = {}
    for path, (reads, calls) in _found(model, graph).items():
        flags[path] = np.zeros(graph.num_ids, bool)
        flags[path][_zero_in_all(reads, calls)] = True
    return flags


def _found(model: keras.Model, graph: ChannelGraph) -> dict[str, tuple[list, int]]:
    """Path of what reads constants to its reads with the values of their tensors, and how many reads it has in all."""
    program = Program(model, graph)
    flow = _Flow(graph)
    run(program.calls, {id(tensor): flow.nothing for tensor in program.inputs}, flow.perform)
    wanted = [read for read in flow.reads if read.ids.size]
    if not wanted:
        return {}
    inputs = keras.tree.flatten(random_inputs(model, graph, batch_size=1))
    values = keras.tree.flatten(program.to([read.tensor for read in wanted])(inputs, training=False))
    measured: dict[str, list] = {}
    for read, value in zip(wanted, values, strict=True):
        measured.setdefault(read.path, []).append((read, keras.ops.convert_to_numpy(value)))
    calls = Counter(read.path for read in flow.reads)
    return {path: (reads, calls[path]) for path, reads in measured.items()}


@dataclass(frozen=True, eq=False)
class _Read:
    """One call of a layer that reads channels: its input, the axis of the channels, and the constants among them."""

    path: str
    layer: keras.layers.Layer
    tensor: keras.KerasTensor
    axis: int
    labels: np.ndarray
    ids: np.ndarray


class _Flow:
    """Follows constants through the calls of a model: what stands for a tensor is which ids are constant in it."""

    def __init__(self, graph: ChannelGraph):
        self.graph = graph
        self.nothing = np.zeros(graph.num_ids, bool)
        self.reads: list[_Read] = []
        self.kernels = {w.layer: w for w in graph.weights if w.index == 0}

    def perform(self, call: Call, env: Env) -> list[np.ndarray]:
        """What is constant in the outputs: a bool (num_ids,) for each; notes what the call reads."""
        flags = [env[id(tensor)] for tensor in call.inputs]
        for tensor, held, labels, axes in zip(call.inputs, flags, call.labels.inputs, call.labels.reads, strict=True):
            for axis in axes:
                ids = np.unique(labels[axis])
                self.reads.append(_Read(call.path, call.operation, tensor, axis, labels[axis], ids[held[ids]]))
        return [self._constant(call, flags, labels) & ~self.graph.frozen for labels in call.labels.outputs]

    def _constant(self, call: Call, flags: list[np.ndarray], labels) -> np.ndarray:
        """Which ids are constant in an output with these labels: bool (num_ids,)."""
        present = np.zeros(self.graph.num_ids, bool)
        for vector in labels:
            if vector is not None:
                present[vector] = True
        layer = call.operation
        if isinstance(layer, NeuronMask):
            return present & (flags[0] | self._masked(layer, labels))
        linear = takes_constants(layer)
        if linear is not None:
            return present & self._made_constant(call, linear, flags[0])
        rule = find_rule(layer)
        if rule is None or rule.behaviour not in ("carry", "channelwise", "move", "join"):
            return np.zeros_like(present)
        for constant, axes in zip(flags, call.labels.inputs, strict=True):
            held = np.zeros_like(present)
            for vector in axes:
                if vector is not None:
                    held[vector] = True
            # What is moved comes from the tensors that hold it; all else is computed from every tensor.
            present &= constant | (~held if rule.behaviour == "move" else False)
        return present

    def _masked(self, mask: NeuronMask, labels) -> np.ndarray:
        """The ids that a mask removes wherever they lie along its axis, and that lie on no other: bool (num_ids,)."""
        axis = mask.axis % len(labels)
        flags = self.nothing.copy()
        if labels[axis] is not None:
            flags[labels[axis]] = True
            np.logical_and.at(flags, labels[axis], ~mask.keep)
        for other, vector in enumerate(labels):
            if vector is not None and other != axis:
                flags[vector] = False
        return flags

    def _made_constant(self, call: Call, linear: LinearLayer, read: np.ndarray) -> np.ndarray:
        """The ids that the layer makes by weights that are all zero where the input is no constant.

        Channels along the axes that it leaves as they are stay constant where they were.
        """
        kernel, axes = self.kernels.get(call.path), (*linear.reads, *linear.makes)
        if kernel is None or kernel.axes[axes[1]] is None:
            return self.nothing
        flags = read.copy()
        value = np.moveaxis(keras.ops.convert_to_numpy(linear.kernel), axes, (-2, -1)) != 0  # (..., in, out)
        labels, made = (kernel.axes[axis] for axis in axes)
        if labels is not None and len(labels) == value.shape[-2]:
            value = value & ~read[labels][:, None]
        constant = ~value.any(axis=tuple(range(value.ndim - 1)))
        flags[made] = True
        np.logical_and.at(flags, made, constant)
        return flags


def takes_constants(layer: keras.Operation) -> LinearLayer | None:
    """The description of a layer whose bias can take a constant over; None where there is no such layer."""
    linear = find_linear_layer(layer)
    return linear if linear is not None and linear.is_plain and linear.bias_axes is not None else None


def _measure_several(reads: list, calls: int) -> ConstantReads:
    """A layer that is called several times can do without what reads zero in every call."""
    ids = np.unique(np.concatenate([read.ids for read, _ in reads]))
    zero = np.isin(ids, _zero_in_all(reads, calls))
    return ConstantReads(ids, np.zeros((0, len(ids))), zero, "it is called several times")


def _zero_in_all(reads: list, calls: int) -> list[int]:
    """The ids that are zero in as many reads as there are."""
    count = Counter(number for read, value in reads for number in read.ids[_zero(read, value)].tolist())
    return [number for number, times in count.items() if times == calls]


def _zero(read: _Read, value: np.ndarray) -> np.ndarray:
    """Which of the constants are zero wherever they are read: bool (n,)."""
    others = tuple(axis for axis in range(value.ndim) if axis != read.axis)
    silent = ~(value != 0).any(axis=others)  # not a number is not zero
    return np.array([silent[read.labels == number].all() for number in read.ids], bool)


def _measure(read: _Read, value: np.ndarray) -> ConstantReads:
    layer, nothing = read.layer, np.zeros((0, len(read.ids)))
    zero, linear = _zero(read, value), takes_constants(layer)
    if linear is None or zero.all():
        return ConstantReads(read.ids, nothing, zero, f"a {type(layer).__name__} cannot take them over")
    matrix = linear.matrix
    parts = []
    for start in range(0, len(read.ids), _CHUNK):
        ids = read.ids[start : start + _CHUNK]
        shape = [len(ids)] + [1] * (value.ndim - 1)
        shape[read.axis] = len(read.labels)
        alone = value[:1] * (read.labels == ids[:, None]).reshape(shape)  # one sample per id, all else zero
        response = np.moveaxis(linear.product(alone, matrix), linear.outputs[0], -1)
        parts.append(response.reshape(len(ids), -1, response.shape[-1]))
    response = np.concatenate(parts)  # (ids, positions, width)
    spread = np.ptp(response, axis=1).max(axis=-1)
    uniform = spread <= _EQUAL * max(np.abs(response).max(), 1.0)
    silent = ~response.any(axis=(1, 2))
    if linear.bias is None and not silent.all():
        return ConstantReads(read.ids, response.mean(axis=1).T, silent, "it has no bias")
    return ConstantReads(read.ids, response.mean(axis=1).T, uniform)
