"""Putting a gate layer into a model, wherever channels are read."""

import keras
import numpy as np

from kerasprune.core import ChannelGraph, Names, name_of
from kerasprune.evidence.reads import at_reads
from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.gate_sample import GateSample
from kerasprune.gates.gated_inside import GatedInside
from kerasprune.gates.gated_kernel import GatedKernel, can_gate
from kerasprune.gates.gated_read import GatedRead
from kerasprune.graph import Call, Read, Rebuild


def insert_gates(plain: keras.Model, graph: ChannelGraph, gates: ChannelGate, ids: np.ndarray) -> keras.Model:
    """A copy of a flat model in which every read of a gated channel is multiplied by its gate.

    Args:
        plain: The model; it is not touched.
        graph: Its trace.
        gates: The gate layer.
        ids: int (gates,), the ids that it stands for.
    """
    insertion = _Insertion(plain, graph, gates, ids)
    reading = at_reads(insertion.at_read, insertion.around)

    def at_call(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        return reading(call, *insertion.inside(call, operation, args, kwargs))

    return Rebuild(graph).run(plain, at_call, nested=False)


class _Insertion:
    """The state of one insertion: the one sample, and what stands before each reader already."""

    def __init__(self, plain: keras.Model, graph: ChannelGraph, gates: ChannelGate, ids: np.ndarray):
        self.gates = GateSample(gates, name=f"{gates.name}_sample")
        self.position = np.zeros(graph.num_ids, int)
        self.position[ids] = np.arange(1, len(ids) + 1)
        self.kernels = {weight.layer: weight for weight in graph.weights if weight.reads}
        self.names = Names(layer.name for layer in plain.layers)
        self.tensors: dict[tuple, keras.KerasTensor] = {}
        self.inner = {weight.layer: [] for weight in graph.weights if weight.inner}
        for weight in graph.weights:
            if weight.inner:
                self.inner[weight.layer].append(weight)
        self.wrappers: dict[int, GatedKernel | GatedInside] = {}
        self.sample = None

    def at_read(self, read: Read) -> keras.KerasTensor:
        """The tensor times its gates; readers of the same tensor share the product."""
        tensor, axis, labels = read.tensor, read.axis, read.labels
        if not self.position[labels].any():
            return tensor
        key = (id(tensor), axis, id(labels))
        if key not in self.tensors:
            suffix = "" if axis == len(tensor.shape) - 1 else f"_{axis}"
            name = self.names.unused(f"{name_of(read.call.path)}_gated{suffix}")
            layer = GatedRead(axis, self.position[labels], name=name)
            self.tensors[key] = layer(tensor, self._sample(tensor))
        return self.tensors[key]

    def around(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        """The call with the gates on the kernel, where that is the same; None where it is not."""
        kernel, read = self.kernels.get(call.path), call.labels.reads[0]
        if kernel is None or not can_gate(operation) or len(args) != 1 or kwargs or len(read) != 1:
            return None
        (axis,) = kernel.reads
        labels = kernel.axes[axis]
        if not np.array_equal(labels, call.labels.inputs[0][read[0]]) or not self.position[labels].any():
            return None
        if id(operation) not in self.wrappers:
            # Under the layer's own name, for it may make an output of the model, which is known by this name.
            wrapper = GatedKernel(operation, axis, self.position[labels], name=operation.name)
            self.wrappers[id(operation)] = wrapper
        return self.wrappers[id(operation)](args[0], self._sample(args[0]))

    def inside(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict) -> tuple:
        """Operation and arguments of a call, with gates where the operation reads gated channels that it makes."""
        gates = [
            [weight.index, axis, self.position[weight.axes[axis]]]
            for weight in self.inner.get(call.path, ())
            for axis in weight.inner
            if weight.axes[axis] is not None and self.position[weight.axes[axis]].any()
        ]
        if not gates:
            return operation, args, kwargs
        if id(operation) not in self.wrappers:
            if not operation.built:
                operation.build_from_config(call.operation.get_build_config())
            self.wrappers[id(operation)] = GatedInside(operation, gates, name=operation.name)
        (first, *_) = keras.tree.flatten((args, kwargs))
        return self.wrappers[id(operation)], args, {**kwargs, "sample": self._sample(first)}

    def _sample(self, tensor: keras.KerasTensor) -> keras.KerasTensor:
        """The sample of all gates; its first reader's tensor only ties it into the model."""
        self.sample = self.gates(tensor) if self.sample is None else self.sample
        return self.sample
