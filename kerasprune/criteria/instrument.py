"""A copy of a model in which something happens wherever channels are read."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError, NodeLabels
from kerasprune.graph import Node, Rebuild

# Gets a tensor that is about to be read, the axis of its channels, their labels, and the path of the reader;
# returns what the reader gets instead.
AtRead = Callable[[keras.KerasTensor, int, np.ndarray, str], keras.KerasTensor]


def instrument(model: keras.Model, graph: ChannelGraph, at_read: AtRead) -> keras.Model:
    """Copy a model and its weights, with nested models laid flat, and call `at_read` at every read.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        at_read: What happens to a tensor before an operation reads its channels.

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
    spots = iter(graph.nodes)  # in the order of execution, which is the order of the calls below
    copies: list[keras.layers.Layer] = []

    def call(node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        if isinstance(operation, keras.layers.Layer):
            copies.append(operation)
        args, kwargs = _at_reads(next(spots), args, kwargs, at_read)
        return operation(*args, **kwargs)

    copy = Rebuild(graph).run(model, call, nested=False)
    for layer in copies:
        layer.trainable = False
    return copy


def _at_reads(spot: NodeLabels, args: tuple, kwargs: dict, at_read: AtRead) -> tuple[tuple, dict]:
    if not any(spot.reads):
        return args, kwargs
    leaves = keras.tree.flatten((args, kwargs))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, keras.KerasTensor)]
    for place, labels, axes in zip(places, spot.inputs, spot.reads, strict=True):
        for axis in axes:
            leaves[place] = at_read(leaves[place], axis, labels[axis], spot.operation)
    return keras.tree.pack_sequence_as((args, kwargs), leaves)
