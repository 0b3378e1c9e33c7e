"""Which layers a cut has changed, and which of them can be repaired."""

import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import Program, find_linear_layer, is_linear_layer

MOST_UNKNOWNS = 8192  # per output of a layer; the normal equations hold the square of it


def changed_layers(after: Program, graph: ChannelGraph, keep: np.ndarray) -> list[str]:
    """The paths of layers with a kernel that read something that a cut has changed, in the order of execution.

    Args:
        after: The slimmed model.
        graph: The trace of the model before.
        keep: bool (num_ids,), completed.
    """
    changed: set[int] = set()
    lost = {
        weight.layer
        for weight in graph.weights
        if any(weight.axes[axis] is not None and not keep[weight.axes[axis]].all() for axis in weight.reads)
    }
    found: dict[str, None] = {}
    for call in after.calls:
        if call.path in lost or any(id(tensor) in changed for tensor in call.inputs):
            changed.update(map(id, call.outputs))
            if is_linear_layer(call.operation) or getattr(call.operation, "kernel", None) is not None:
                found[call.path] = None
    return list(found)


def obstacle(after: Program, path: str) -> str:
    """Why a layer cannot be repaired; empty if it can."""
    layer, calls = after.layers[path], after.places[path]
    linear = find_linear_layer(layer)
    if linear is None:
        return f"there is no least squares for {type(layer).__name__}"
    if linear.bias_axes is None:
        return "its bias does not lie along what it makes"
    if len(calls) > 1:
        return f"it is called {len(calls)} times"
    _, unknowns, _ = linear.shape
    return f"{unknowns} unknowns are more than {MOST_UNKNOWNS}" if unknowns > MOST_UNKNOWNS else ""
