"""A copy of a model in which something happens wherever channels are read."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import ChannelGraph, NodeLabels
from kerasprune.graph import Node, clone_operation, replay

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
        A model with the inputs and outputs of `model`, with all its weights frozen.
    """
    pairs: list[tuple[keras.Operation, keras.Operation]] = []
    spots = iter(graph.nodes)  # in the order of execution, as `replay` makes the calls

    def make(path: str, operation: keras.Operation) -> keras.Operation:
        clone = clone_operation(path, operation)
        pairs.append((operation, clone))
        return clone

    def call(node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        args, kwargs = _at_reads(next(spots), args, kwargs, at_read)
        return operation(*args, **kwargs)

    copy = replay(model, make, call, nested=False)
    for source, target in pairs:
        if isinstance(source, keras.layers.Layer):
            for old, new in zip(source.weights, target.weights, strict=True):
                new.assign(keras.ops.copy(old))  # on JAX two models must not share a buffer
            target.trainable = False
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
