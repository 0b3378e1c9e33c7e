"""The graph of a slimmed model, without tracing it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasprune.core.cost import Term
from kerasprune.core.graph import ChannelGraph, ChannelGroup, Count, Labels, NodeLabels, Pick, WeightLabels


def restrict(graph: ChannelGraph, keep: np.ndarray) -> tuple[ChannelGraph, np.ndarray]:
    """The graph of the model that is slimmed by `keep`.

    Tracing the slimmed model could tell less: a layer of which one channel is left looks like one that broadcasts.

    Args:
        graph: The graph of the model before.
        keep: bool (num_ids,), True = stays.

    Returns:
        The graph of the slimmed model, and for each of its ids the id in `graph`: int (new num_ids,).

    Raises:
        GraphError: `keep` does not fit the graph, or empties a group.
    """
    keep = graph.complete(keep)
    origin = np.flatnonzero(keep)
    cut = _Cut(keep, origin)
    restricted = ChannelGraph(
        num_ids=len(origin),
        groups=tuple(
            ChannelGroup(group.name, cut.vector(group.ids), group.frozen, group.makers, group.ties)
            for group in graph.groups
        ),
        weights=tuple(cut.weight(weight) for weight in graph.weights),
        nodes=tuple(cut.node(node) for node in graph.nodes),
        edits={path: {key: cut.value(value) for key, value in edit.items()} for path, edit in graph.edits.items()},
        declined=graph.declined,
        input_shapes=graph.input_shapes,
        params_terms=tuple(cut.term(term) for term in graph.params_terms),
        macs_terms=tuple(cut.term(term) for term in graph.macs_terms),
        inexact=graph.inexact,
    )
    return restricted, origin


class _Cut:
    """Leaves out what is not kept and numbers the rest anew; a vector that many places share stays one vector."""

    def __init__(self, keep: np.ndarray, origin: np.ndarray):
        self.keep = keep
        self.number = np.zeros(len(keep), int)
        self.number[origin] = np.arange(len(origin))
        self.memo: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def vector(self, labels: np.ndarray | None) -> np.ndarray | None:
        if labels is None:
            return None
        if id(labels) not in self.memo:
            new = self.number[labels[self.keep[labels]]]
            new.flags.writeable = False
            self.memo[id(labels)] = (labels, new)  # the old vector too, so that its id is not given away
        return self.memo[id(labels)][1]

    def axes(self, axes: Labels) -> Labels:
        return tuple(self.vector(labels) for labels in axes)

    def weight(self, weight: WeightLabels) -> WeightLabels:
        axes = self.axes(weight.axes)
        shape = tuple(size if labels is None else len(labels) for size, labels in zip(weight.shape, axes, strict=True))
        return replace(weight, shape=shape, axes=axes)

    def node(self, node: NodeLabels) -> NodeLabels:
        return NodeLabels(
            key=node.key,
            operation=node.operation,
            inputs=tuple(self.axes(labels) for labels in node.inputs),
            outputs=tuple(self.axes(labels) for labels in node.outputs),
            reads=node.reads,
            arguments={position: self.value(value) for position, value in node.arguments.items()},
        )

    def term(self, term: Term) -> Term:
        return Term(term.layer, term.factor, tuple(self.vector(labels) for labels in term.axes))

    def value(self, value):
        if isinstance(value, Count):
            return Count(self.vector(value.labels), value.factor)
        if isinstance(value, Pick):
            return Pick(value.under(self.keep), self.axes(value.axes))
        if isinstance(value, (tuple, list)):
            return type(value)(self.value(item) for item in value)
        if isinstance(value, slice):
            return slice(self.value(value.start), self.value(value.stop), value.step)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        return value
