"""A model as a list of calls that are made one by one on the data."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerasprune.core import ChannelGraph, batches
from kerasprune.evidence.linear_parts import PARTS
from kerasprune.graph import Node, Rebuild, align


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a copied operation.

    Attributes:
        key: Path of the operation and number of the call, as in `Node`.
        path: Path of the operation.
        operation: The copy.
        arguments: The `(args, kwargs)`, with `KerasTensor`s in the tensors' places.
        inputs: These tensors.
        outputs: The tensors that the call makes.
    """

    key: str
    path: str
    operation: keras.Operation
    arguments: tuple[tuple, dict]
    inputs: tuple[keras.KerasTensor, ...]
    outputs: tuple[keras.KerasTensor, ...]


class Playback:
    """A flat copy of a model that can be run from any call to any later one.

    Layers that are a product with a kernel are split from their activation functions, which become calls of their
    own, so that what the product makes is a tensor as well.

    Args:
        model: The model; it is not touched.
        graph: Its trace.

    Attributes:
        calls: In an order of execution in which the branches before a join are made one after the other.
        layers: The copied operations by path.
        places: By path, the positions in `calls` of the calls of an operation.
    """

    def __init__(self, model: keras.Model, graph: ChannelGraph):
        self.calls: list[Call] = []
        self.layers: dict[str, keras.Operation] = {}
        self._activations: dict[str, Any] = {}
        self.inputs = Rebuild(graph).run(model, self._record, nested=False).inputs
        self.calls = _branch_by_branch(self.calls)
        self.places: dict[str, list[int]] = {}
        self.readers: dict[int, list[int]] = {}
        for position, call in enumerate(self.calls):
            self.places.setdefault(call.path, []).append(position)
            for tensor in call.inputs:
                self.readers.setdefault(id(tensor), []).append(position)

    def start(self, x: Any) -> dict[int, Any]:
        """The tensors of the inputs, by the ids of those of the model."""
        arrays = align(x, [tensor.name for tensor in self.inputs])
        pairs = zip(self.inputs, arrays, strict=True)
        return {id(tensor): keras.ops.convert_to_tensor(array, tensor.dtype) for tensor, array in pairs}

    def run(self, tensors: dict[int, Any], start: int, stop: int) -> dict[int, Any]:
        """Make the calls from `start` to before `stop`; returns what was given and what they made."""
        tensors = dict(tensors)
        for call in self.calls[start:stop]:
            args, kwargs = keras.tree.map_structure(
                lambda leaf: tensors[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf, call.arguments
            )
            outputs = keras.tree.flatten(call.operation(*args, **kwargs))
            tensors.update(zip(map(id, call.outputs), outputs, strict=True))
        return tensors

    def alive(self, tensors: dict[int, Any], position: int) -> dict[int, Any]:
        """Those tensors that calls from a position on read."""
        return {key: value for key, value in tensors.items() if self.readers.get(key, [-1])[-1] >= position}

    def only_reader(self, position: int) -> int | None:
        """The position of the one call that reads what a call makes; None if there are none or several."""
        (tensor, *more) = self.calls[position].outputs
        readers = self.readers.get(id(tensor), [])
        return readers[0] if len(readers) == 1 and not more else None

    def is_made_before(self, tensor: keras.KerasTensor, position: int) -> bool:
        """Whether a tensor is there when the call at a position is to be made."""
        return not any(made is tensor for call in self.calls[position:] for made in call.outputs)

    def _record(self, node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        activation = keras.activations.linear
        if type(operation) in PARTS:
            activation = self._activations.setdefault(node.path, operation.activation) or activation
            operation.activation = None
        outputs = self._call(node.key, node.path, operation, args, kwargs)
        if activation is keras.activations.linear:
            return outputs
        name = f"{operation.name}_own_activation_{len(self.calls)}"
        layer = keras.layers.Activation(activation, dtype=operation.dtype_policy, name=name)
        return self._call(f"{node.key}/activation", f"{node.path}/activation", layer, (outputs,), {})

    def _call(self, key: str, path: str, operation: keras.Operation, args: tuple, kwargs: dict):
        inputs = [leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, keras.KerasTensor)]
        outputs = operation(*args, **kwargs)
        self.layers[path] = operation
        self.calls.append(Call(key, path, operation, (args, kwargs), tuple(inputs), tuple(keras.tree.flatten(outputs))))
        return outputs


def _branch_by_branch(calls: list[Call]) -> list[Call]:
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
    return [calls[position] for position in order]


class Frontier:
    """Where some models stand with every batch of the data, so that none of their calls is made twice.

    Of every batch the tensors are held that calls still to come read: the front that moves through the model, not all
    activations. Batches beyond the memory are carried from the inputs anew every time: slower, with the same result.
    The calls are made eagerly: each is made once for a batch, so there is little to gain from compiling it.

    Args:
        playbacks: The models.
        data: As in `kerasprune.core.batches`; read once, its inputs are held.
        batch_size: Samples that are run together, for arrays.
        limit: Samples that are used at most; None for all.
        memory: MiB of tensors that are held, at most; the inputs and the batch at work come on top.
    """

    def __init__(self, playbacks: Sequence[Playback], data: Any, batch_size: int, limit: int | None, memory: float):
        self.playbacks = playbacks
        self.inputs = [batch.x for batch in batches(data, batch_size, limit=limit)]
        self.memory = memory * 2**20
        self._states: dict[int, list[tuple[int, dict]]] = {}
        self._sizes: dict[int, int] = {}

    def at(self, positions: Sequence[int]) -> Iterator[list[dict[int, Any]]]:
        """Carry every batch to a position in each of the models.

        Args:
            positions: For every model the number of its calls that are to be made, not less than the last time.

        Yields:
            For every batch and model the tensors that the calls made, and those that were alive before, by the ids of
            the tensors of the model.
        """
        for number, x in enumerate(self.inputs):
            self._sizes.pop(number, None)
            starts = self._states.pop(number, None) or [(0, playback.start(x)) for playback in self.playbacks]
            made = [
                playback.run(tensors, start, position)
                for playback, (start, tensors), position in zip(self.playbacks, starts, positions, strict=True)
            ]
            self._hold(number, made, positions)
            yield made

    def samples(self, number: int) -> int:
        """The samples of a batch."""
        return len(keras.tree.flatten(self.inputs[number])[0])

    def _hold(self, number: int, made: list[dict], positions: Sequence[int]) -> None:
        alive = [
            (position, playback.alive(tensors, position))
            for playback, tensors, position in zip(self.playbacks, made, positions, strict=True)
        ]
        size = sum(4 * math.prod(tensor.shape) for _, tensors in alive for tensor in tensors.values())
        if size + sum(self._sizes.values()) <= self.memory:
            self._states[number], self._sizes[number] = alive, size
