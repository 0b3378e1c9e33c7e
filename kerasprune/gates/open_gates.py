"""Gates in inference: the plain model, and what they keep of it."""

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError, Labels
from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.gate_sample import GateSample
from kerasprune.gates.gated import Gated
from kerasprune.gates.gated_inside import GatedInside
from kerasprune.gates.gated_kernel import GatedKernel
from kerasprune.gates.gated_read import GatedRead
from kerasprune.graph import Plain, Site, accepted_by, layers_inside, opener, replay, restored, rule
from kerasprune.graph.rebuild import Clones
from kerasprune.graph.rules.wrapper import inside
from kerasprune.scheduled import read
from kerasprune.slimming.opening import Opening, StandIn, stand_in


@rule(ChannelGate, behaviour="carry")
def channel_gate(site: Site) -> Labels:
    """Every channel has its own gate."""
    channels = site.labels[site.layer.axis]
    for weight in (site.layer.evidence, site.layer.keep):
        site.weight(weight, (channels,))
    return site.labels


@rule(Gated, behaviour="composite")
def gated(site: Site) -> Labels | list[Labels]:
    """The layer inside, with gates on what it makes."""
    outputs = inside(site)
    axes = outputs[0] if isinstance(outputs, list) else outputs
    for weight in (site.layer.gate.evidence, site.layer.gate.keep):
        site.weight(weight, (axes[site.layer.gate.axis],))
    return outputs


@stand_in(ChannelGate)
def open_gate(gate: ChannelGate, opening: Opening) -> StandIn:
    """A mask."""
    if float(read(gate.step)) == 0:
        opening.remarks.append(
            f"`{gate.name}` has not been trained: it keeps {int(read(gate.keep).sum())} of {gate.num_gates} channels. "
            "Fit the model first."
        )

    def masked(inputs, **kwargs):
        return opening.masked(gate, inputs, read(gate.keep) > 0.5, gate.axis, gate.name)

    return masked


@stand_in(Gated)
def open_gated(wrapper: Gated, opening: Opening) -> StandIn:
    """The layer inside under the name of the wrapper, and a mask behind it."""
    inner, mask = opening.stand_in(wrapper.layer, wrapper.name), opening.stand_in(wrapper.gate)

    def masked(*args, **kwargs):
        first, *states = keras.tree.flatten(inner(*args, **accepted_by(inner, kwargs)))
        return [mask(first), *states] if states else mask(first)

    return masked


@opener(GateSample)
def open_model(model: keras.Model) -> Plain:
    """The plain model that `gate` was given, and what the gates keep in inference."""
    gates = _built_in(model)
    return Plain(without_gates(model), lambda graph: kept_by_gates(gates, graph))


def _built_in(model: keras.Model) -> ChannelGate:
    return next(layer.layer for layer in layers_inside(model) if isinstance(layer, GateSample))


def without_gates(model: keras.Model) -> keras.Model:
    """A new model without the gates that `gate` has built in, with the weights, and in the layout that was gated."""
    clones = Clones(model)

    def make(path, operation):
        if isinstance(operation, (GatedKernel, GatedInside)):
            return clones.make(operation.layer.name, operation.layer)
        return operation if isinstance(operation, (GateSample, GatedRead)) else clones.make(path, operation)

    def at_call(call, operation, args, kwargs):
        if isinstance(call.operation, GatedKernel):
            return operation(args[0])
        if isinstance(call.operation, GatedInside):
            return operation(*args, **{name: value for name, value in kwargs.items() if name != "sample"})
        return args[0] if isinstance(operation, (GateSample, GatedRead)) else operation(*args, **kwargs)

    with clones.building():
        plain = replay(model, make, at_call)
    clones.carry(lambda path, index, source, target: target.assign(read(source)))
    return restored(_built_in(model).origin, plain)


def gated_ids(gates: ChannelGate, graph: ChannelGraph) -> np.ndarray:
    """The ids that the gates stand for, in the order of the gates: int (gates,).

    Args:
        gates: The gate layer of a model from `gate`.
        graph: The trace of the model without gates.

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
