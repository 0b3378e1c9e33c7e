"""Gates that stand in a model already, and what they cost together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.criteria import score
from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.gates.shared_budget import SharedBudget
from kerasprune.graph import layers_inside, trace, unrolled, unrolled_with_origins
from kerasprune.selection import Budget, select
from kerasprune.slimming.dead import removable
from kerasprune.slimming.opening import Opening, without_masks


@dataclass(frozen=True, eq=False)
class Placed:
    """The gates of a model, and which channels they open.

    Attributes:
        model: The plain model, as it is while all gates are open.
        graph: Its trace.
        gates: The gate layers.
        ids: int (n,), the ids that disappear when their gates close.
        owners: bool (gates of all layers, n), which gate opens which of these ids.
    """

    model: keras.Model
    graph: ChannelGraph
    gates: list[ChannelGate]
    ids: np.ndarray
    owners: np.ndarray

    def limits(self, budget: Budget) -> dict[str, float]:
        """The limits of a budget as absolute numbers, if they can be reached.

        Raises:
            BudgetError: What has no gate exceeds the budget.
        """
        gated = np.zeros(self.graph.num_ids, bool)
        gated[self.ids] = True
        groups = [
            group if group.frozen or gated[group.ids].any() else replace(group, frozen="it has no gate")
            for group in self.graph.groups
        ]
        stays = np.where(gated, 0.0, np.inf)
        select(replace(self.graph, groups=tuple(groups)), stays, budget)
        return budget.limits(self.graph)

    def share(self, limits: Mapping[str, float]) -> None:
        """From now on the gates obey these limits together."""
        SharedBudget(self.gates, GateCosts.build(self.graph, self.ids, limits, self.owners)).attach()

    def rank(self, criterion, data=None, seed: int = 0, **options) -> None:
        """Give the gates evidence from a criterion: the ranks within each layer, from -1 to 1."""
        scores = score(self.model, self.graph, criterion, data, seed=seed, **options)
        values = self.owners @ scores[self.ids]
        ends = np.cumsum([gate.num_gates for gate in self.gates])
        for gate, part in zip(self.gates, np.split(values, ends[:-1]), strict=True):
            gate.set_evidence(ranked(part))


def ranked(values: np.ndarray) -> np.ndarray:
    """The ranks of the values as evidence, from -1 to 1: float, of the shape (n,) of the values."""
    ranks = np.argsort(np.argsort(values, kind="stable"))
    return (2 * ranks + 1) / len(ranks) - 1


def placed_gates(model: keras.Model) -> list[ChannelGate]:
    """The gates that somebody has placed in a model, each once; not those that `gate` has built in."""
    return [layer for layer in layers_inside(model) if isinstance(layer, ChannelGate) and layer.costs is None]


def find_placed(model: keras.Model) -> Placed:
    """Find what the gates of a model open.

    A gate opens a channel where the channel would disappear from the slimmed model if it were closed.

    Raises:
        GraphError: A channel has several gates, a gate has several entries for one channel, or none opens any.
    """
    gates = placed_gates(model)
    flat, origins = unrolled_with_origins(model)
    opening = Opening(flat)
    opened = opening.run()
    graph = trace(opened)
    _open_all(opening)
    owners = np.zeros((sum(gate.num_gates for gate in gates), graph.num_ids), bool)
    start = 0
    for gate in gates:
        own = [mask for source, mask in opening.masks if origins.get(id(source), source) is gate]
        labels = _labels(graph, own)
        if not any(vector.any() for vector in labels):
            raise GraphError(
                f"`{gate.name}` stands on a tensor without channels, such as an input of the model, so no budget can "
                "close it. Take it out, or put it behind a layer that makes channels."
            )
        rows = owners[start : start + gate.num_gates]
        for vector in labels:
            rows[np.arange(len(vector)), vector] = True
        rows &= _gone_with(opened, graph, own)
        if (rows.sum(axis=0) > 1).any():
            raise GraphError(
                f"`{gate.name}` has several gates for one channel, as behind a Flatten or on both halves of a "
                "concatenation. Put it where every channel has one entry."
            )
        start += gate.num_gates
    _refuse_two(gates, owners)
    ids = np.flatnonzero(owners.any(axis=0))
    if not ids.size:
        raise GraphError(
            f"No gate of {model.name!r} can remove a channel: they stand on inputs, on outputs, on one branch of a "
            "sum, or along axes without channels. Put one behind a layer whose channels can go; `trace` says which."
        )
    plain = opened_plainly(model)
    return Placed(plain, trace(plain), gates, ids, owners[:, ids])


def opened_plainly(model: keras.Model) -> keras.Model:
    """The model without the gates that stand in it, with its weights as they are now."""
    opening = Opening(unrolled(model)[0])
    opened = opening.run()
    own = {id(mask) for _, mask in opening.masks}
    return without_masks(opened, lambda mask: id(mask) in own)


def _open_all(opening: Opening) -> None:
    for _, mask in opening.masks:
        mask.keep = np.ones(mask.factor.shape, bool)


def _labels(graph: ChannelGraph, masks) -> list[np.ndarray]:
    """The ids along the axis of each mask, of those whose axis has some: int (width,)."""
    paths = {mask.name: mask.axis for mask in masks}
    calls = [call for call in graph.calls if call.operation.rpartition("/")[2] in paths]
    found = [call.inputs[0][paths[call.operation.rpartition("/")[2]]] for call in calls]
    return [labels for labels in found if labels is not None]


def _gone_with(opened: keras.Model, graph: ChannelGraph, masks) -> np.ndarray:
    """Which ids disappear when these masks close: bool (num_ids,)."""
    for mask in masks:
        mask.keep = np.zeros(mask.factor.shape, bool)
    gone = removable(opened, graph)
    for mask in masks:
        mask.keep = np.ones(mask.factor.shape, bool)
    return gone


def _refuse_two(gates: list[ChannelGate], owners: np.ndarray) -> None:
    twice = np.flatnonzero(owners.sum(axis=0) > 1)
    if not twice.size:
        return
    of = np.repeat(np.arange(len(gates)), [gate.num_gates for gate in gates])
    first, second = (gates[place].name for place in of[np.flatnonzero(owners[:, twice[0]])[:2]])
    raise GraphError(
        f"`{first}` and `{second}` gate the same channels. "
        "Take one of them out, or place one gate layer at both places."
    )
