"""A model as a list of calls, each with its labels, that can be made from anywhere to anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasprune.core import CallLabels, ChannelGraph
from kerasprune.graph.call import Call, Env, symbolic_leaves
from kerasprune.graph.linear_layer import find_linear_layer
from kerasprune.graph.rebuild import Rebuild
from kerasprune.graph.walk import align_inputs


class Read(NamedTuple):
    """One axis of one tensor, along which a call reads channels.

    Attributes:
        call: Who reads.
        place: The number of the tensor among the inputs of the call.
        tensor: The tensor.
        axis: The axis.
        labels: int (width,), the ids along it.
    """

    call: Call
    place: int
    tensor: keras.KerasTensor
    axis: int
    labels: np.ndarray


class Program:
    """A flat copy of a model, with its calls listed.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        apart: Whether the activation functions of linear layers become calls of their own, so that what such a layer
            makes before its activation is a tensor as well.

    Attributes:
        inputs: The tensors that are given.
        outputs: The tensors that are wanted, flattened.
        calls: In an order of execution in which the branches before a join are made one after the other.
        layers: The copied operations by path.
        places: By path, the positions in `calls` of the calls of an operation.
    """

    def __init__(self, model: keras.Model, graph: ChannelGraph, apart: bool = False):
        self.graph = graph
        self._listed: list[Call] = []
        self._activations = Activations() if apart else None
        flat = Rebuild(graph).run(model, self._list, nested=False)
        self.inputs, self.outputs = flat.inputs, flat.outputs
        self.calls = _branch_by_branch(self._listed)
        self.layers: dict[str, keras.Operation] = {call.path: call.operation for call in self.calls}
        self.places: dict[str, list[int]] = {}
        self.readers: dict[int, list[int]] = {}
        for position, call in enumerate(self.calls):
            self.places.setdefault(call.path, []).append(position)
            for tensor in call.inputs:
                self.readers.setdefault(id(tensor), []).append(position)

    def start(self, x: Any) -> Env:
        """What stands for the inputs on the backend, from data in the structure of the model's inputs."""
        arrays = align_inputs(x, self.inputs)
        pairs = zip(self.inputs, arrays, strict=True)
        return {id(tensor): keras.ops.convert_to_tensor(array, tensor.dtype) for tensor, array in pairs}

    def reads(self) -> Iterator[Read]:
        """Everything that a call reads and another one made, in the order of the trace."""
        for call in self._listed:
            inputs = zip(call.inputs, call.labels.inputs, call.labels.reads, strict=True)
            for place, (tensor, labels, axes) in enumerate(inputs):
                yield from (Read(call, place, tensor, axis, labels[axis]) for axis in axes)

    def to(self, tensors: list[keras.KerasTensor]) -> keras.Model:
        """The model from the inputs to these tensors."""
        return keras.Model(self.inputs, tensors)

    def alive(self, env: Env, position: int) -> Env:
        """What of an environment calls from a position on read."""
        return {key: value for key, value in env.items() if self.readers.get(key, [-1])[-1] >= position}

    def only_reader(self, position: int) -> int | None:
        """The position of the one call that reads what a call makes; None if there are none or several."""
        (tensor, *more) = self.calls[position].outputs
        readers = self.readers.get(id(tensor), [])
        return readers[0] if len(readers) == 1 and not more else None

    def is_made_before(self, tensor: keras.KerasTensor, position: int) -> bool:
        """Whether a tensor is there when the call at a position is to be made."""
        return not any(made is tensor for call in self.calls[position:] for made in call.outputs)

    def _list(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        activation = self._activations.take(operation) if self._activations else None
        outputs = self._made(call, operation, args, kwargs)
        if activation is None:
            return outputs
        passed = call.labels.outputs
        labels = CallLabels(f"{call.key}/activation", f"{call.path}/activation", passed, passed, ((),) * len(passed))
        behind = replace(call, key=labels.key, path=labels.operation, labels=labels)
        return self._made(behind, activation, (outputs,), {})

    def _made(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        outputs = operation(*args, **kwargs)
        inputs, made = tuple(symbolic_leaves((args, kwargs))), tuple(keras.tree.flatten(outputs))
        self._listed.append(replace(call, operation=operation, arguments=(args, kwargs), inputs=inputs, outputs=made))
        return outputs


class Activations:
    """Takes the activation functions off linear layers, once for each, and gives them as layers of their own."""

    def __init__(self):
        self.taken: dict[int, keras.layers.Layer | None] = {}

    def take(self, layer: keras.Operation) -> keras.layers.Layer | None:
        """What is to be called behind the layer; None where nothing is."""
        if find_linear_layer(layer) is None or getattr(layer, "activation", None) is None:
            return None
        if id(layer) not in self.taken:
            function = layer.activation
            del layer.activation  # where it is a layer, torch would let nothing but a layer take its place
            layer.activation = keras.activations.linear
            options = {"name": f"{layer.name}_own_activation", "dtype": layer.dtype_policy}
            linear = function is keras.activations.linear
            self.taken[id(layer)] = None if linear else keras.layers.Activation(function, **options)
        return self.taken[id(layer)]


def _branch_by_branch(calls: list[Call]) -> tuple[Call, ...]:
    """The calls in an order in which what leads to the first input of a call comes before what leads to the others."""
    maker = {id(tensor): position for position, call in enumerate(calls) for tensor in call.outputs}
    order: dict[int, None] = {}
    for last in reversed(range(len(calls))):
        pending = [last]
        while pending:
            before = [maker[id(tensor)] for tensor in calls[pending[-1]].inputs if id(tensor) in maker]
            missing = [position for position in before if position not in order]
            if missing:
                pending += missing[::-1]
            else:
                order[pending.pop()] = None
    return tuple(calls[position] for position in order)
