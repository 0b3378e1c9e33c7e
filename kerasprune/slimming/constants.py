"""Channels whose values do not depend on the inputs, and what they add to the layers that read them."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.evidence.random_inputs import random_inputs
from kerasprune.graph import Call, Env, LinearLayer, Program, find_linear_layer, find_rule, run

_CHUNK = 32  # ids whose responses are computed at once
_EQUAL = 1e-6  # differences over positions that are rounding, relative to the largest response


@dataclass(frozen=True, eq=False)
class ConstantReads:
    """The constants that one layer reads.

    Attributes:
        ids: int (n,), their ids.
        response: float (width, n), what each adds to the outputs before bias and activation.
        uniform: bool (n,), whether it adds the same at every position.
        reason: Why the layer cannot take them over whatever they add, or None.
    """

    ids: np.ndarray
    response: np.ndarray
    uniform: np.ndarray
    reason: str | None = None


def constant_reads(model: keras.Model, graph: ChannelGraph) -> dict[str, ConstantReads]:
    """For every layer that reads constants, which and what they add; by path.

    That a channel is constant is derived from zeros in the weights; its value is read off one run on random inputs.

    Args:
        model: A functional model.
        graph: Its trace.
    """
    program = Program(model, graph)
    flow = _Flow(graph)
    run(program.calls, {id(tensor): flow.nothing for tensor in program.inputs}, flow.perform)
    wanted = [read for read in flow.reads if read.ids.size]
    if not wanted:
        return {}
    inputs = keras.tree.flatten(random_inputs(model, graph, batch_size=1))
    values = keras.tree.flatten(program.to([read.tensor for read in wanted])(inputs, training=False))
    found = {}
    for read, value in zip(wanted, values, strict=True):
        several = sum(other.path == read.path for other in flow.reads) > 1
        found[read.path] = _measure(read, keras.ops.convert_to_numpy(value), several)
    return found


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

    def _made_constant(self, call: Call, linear: LinearLayer, read: np.ndarray) -> np.ndarray:
        """The ids of the outputs all of whose weights are zero where the input is no constant."""
        flags = np.ones(self.graph.num_ids, bool)
        kernel, axes = self.kernels.get(call.path), (*linear.reads, *linear.makes)
        if kernel is None or kernel.axes[axes[1]] is None:
            return ~flags
        value = np.moveaxis(keras.ops.convert_to_numpy(linear.kernel), axes, (-2, -1)) != 0  # (..., in, out)
        labels, made = (kernel.axes[axis] for axis in axes)
        if labels is not None and len(labels) == value.shape[-2]:
            value = value & ~read[labels][:, None]
        constant = ~value.any(axis=tuple(range(value.ndim - 1)))
        np.logical_and.at(flags, made, constant)
        return flags


def takes_constants(layer: keras.Operation) -> LinearLayer | None:
    """The description of a layer whose bias can take a constant over; None where there is no such layer."""
    linear = find_linear_layer(layer)
    return linear if linear is not None and linear.is_plain and linear.bias_axes is not None else None


def _measure(read: _Read, value: np.ndarray, several: bool) -> ConstantReads:
    layer, nothing = read.layer, np.zeros((0, len(read.ids)))
    never = np.zeros(len(read.ids), bool)
    linear = takes_constants(layer)
    if linear is None:
        return ConstantReads(read.ids, nothing, never, f"a {type(layer).__name__} cannot take them over")
    if several:
        return ConstantReads(read.ids, nothing, never, "it is called several times")
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
        return ConstantReads(read.ids, response.mean(axis=1).T, silent, None if silent.any() else "it has no bias")
    return ConstantReads(read.ids, response.mean(axis=1).T, uniform)
