"""Putting something before every read of a model."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import ChannelGraph, NodeLabels
from kerasprune.graph import Node

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
