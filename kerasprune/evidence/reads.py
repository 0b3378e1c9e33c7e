"""Copies of a model in which something happens wherever channels are read."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError, NodeLabels
from kerasprune.graph import Node, Rebuild

# Gets a tensor that is about to be read, the axis of its channels, their labels, and the path of the reader;
# returns what the reader gets instead.
AtRead = Callable[[keras.KerasTensor, int, np.ndarray, str], keras.KerasTensor]

# Gets the labels of the call, the operation and the arguments; makes the call in its own way, or returns None.
Around = Callable[[NodeLabels, keras.Operation, tuple, dict], object]


def reading_call(graph: ChannelGraph, at_read: AtRead, around: Around | None = None) -> Callable:
    """A `call` for a flat `Rebuild` of the graph's model that calls `at_read` before every read.

    Args:
        graph: The trace.
        at_read: What happens to a tensor before an operation reads its channels.
        around: Asked first about every call that reads.
    """
    spots = iter(graph.nodes)  # in the order of execution, which is the order of the calls below

    def call(node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        spot = next(spots)
        outputs = around(spot, operation, args, kwargs) if around and any(spot.reads) else None
        if outputs is not None:
            return outputs
        args, kwargs = _at_reads(spot, args, kwargs, at_read)
        return operation(*args, **kwargs)

    return call


def _at_reads(spot: NodeLabels, args: tuple, kwargs: dict, at_read: AtRead) -> tuple[tuple, dict]:
    if not any(spot.reads):
        return args, kwargs
    leaves = keras.tree.flatten((args, kwargs))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, keras.KerasTensor)]
    for place, labels, axes in zip(places, spot.inputs, spot.reads, strict=True):
        for axis in axes:
            leaves[place] = at_read(leaves[place], axis, labels[axis], spot.operation)
    return keras.tree.pack_sequence_as((args, kwargs), leaves)


def instrument(
    model: keras.Model, graph: ChannelGraph, at_read: AtRead, apart: tuple[type[keras.layers.Layer], ...] = ()
) -> keras.Model:
    """Copy a model and its weights, with nested models laid flat, and call `at_read` at every read.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        at_read: What happens to a tensor before an operation reads its channels.
        apart: Layers of these classes whose activation becomes a call of its own.

    Returns:
        A model with the inputs and outputs of `model`, in which the layers of `model` are frozen.

    Raises:
        GraphError: Nothing reads a channel that another layer makes.
    """
    if not any(axes for node in graph.nodes for axes in node.reads):
        raise GraphError(
            f"No layer of {model.name!r} reads channels that another layer makes, so nothing can be measured there. "
            "Use a criterion that looks at weights: 'magnitude'."
        )
    copies: list[keras.layers.Layer] = []
    activations: dict[int, keras.layers.Activation] = {}
    reading = reading_call(graph, at_read)

    def call(node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        if isinstance(operation, keras.layers.Layer):
            copies.append(operation)
        if type(operation) in apart and id(operation) not in activations:
            activations[id(operation)] = keras.layers.Activation(
                operation.activation, name=f"{operation.name}_own_activation", dtype=operation.dtype_policy
            )
            operation.activation = None
        outputs = reading(node, operation, args, kwargs)
        return activations[id(operation)](outputs) if id(operation) in activations else outputs

    copy = Rebuild(graph).run(model, call, nested=False)
    for layer in copies:
        layer.trainable = False
    return copy
