"""Reading a gated model: the plain model inside it, and what its gates keep."""

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.gates.channel_gate import ChannelGate, read
from kerasprune.gates.gated import Gated
from kerasprune.gates.gated_kernel import GatedKernel
from kerasprune.graph import Plain, layers_inside, opener, operations, replay, restored
from kerasprune.graph.rebuild import Clones


def find_gates(model: keras.Model) -> ChannelGate | None:
    """The gate layer of a gated model; None for any other model."""
    return next((layer for layer in layers_inside(model) if isinstance(layer, ChannelGate)), None)


@opener(ChannelGate)
def open_gated(model: keras.Model) -> Plain:
    """The plain model, and what the gates keep in inference."""
    gates = find_gates(model)
    return Plain(strip_gates(model), lambda graph: kept_by_gates(gates, graph))


def strip_gates(model: keras.Model) -> keras.Model:
    """A new model without the gates, with the weights as they are, in the layout of the one that was gated."""
    clones = Clones(model)

    def make(path, operation):
        if isinstance(operation, GatedKernel):
            return clones.make(operation.layer.name, operation.layer)
        return operation if isinstance(operation, (ChannelGate, Gated)) else clones.make(path, operation)

    def at_call(call, operation, args, kwargs):
        if isinstance(call.operation, GatedKernel):
            return operation(args[0])
        return args[0] if isinstance(operation, (ChannelGate, Gated)) else operation(*args, **kwargs)

    with clones.building():
        plain = replay(model, make, at_call)
    clones.carry(lambda path, index, source, target: target.assign(read(source)))
    return restored(find_gates(model).origin, plain)


def gated_ids(gates: ChannelGate, graph: ChannelGraph) -> np.ndarray:
    """The ids that the gates stand for, in the order of the gates: int (gates,).

    Args:
        gates: The gate layer of a gated model.
        graph: The trace of the stripped model.

    Raises:
        GraphError: The graph is that of another model.
    """
    groups = {group.name: group for group in graph.free_groups}
    known = [groups.get(name) for name in gates.names]
    for name, width, group in zip(gates.names, gates.widths, known, strict=True):
        if group is None or group.width != width:
            raise GraphError(
                f"The gates were made for a group {name!r} of {width} channels; the graph has "
                f"{f'{group.width} channels there' if group else 'no such group'}. Pass the model that `gate` returned."
            )
    return np.concatenate([group.ids for group in known])


def kept_by_gates(gates: ChannelGate, graph: ChannelGraph) -> np.ndarray:
    """The keep of a gated model in inference: bool (graph.num_ids,).

    Raises:
        GraphError: The graph is that of another model, or the gates close a whole group.
    """
    keep = graph.keep_all()
    keep[gated_ids(gates, graph)] = read(gates.keep) > 0.5
    return graph.complete(keep)


def is_gated(model: keras.Model) -> bool:
    """Whether the model, or any part of it, carries gates already."""
    return any(isinstance(operation, (ChannelGate, Gated, GatedKernel)) for operation in operations(model).values())
