"""The graph of a slimmed model, without tracing it."""

import numpy as np

from kerasprune.core.graph import ChannelGraph, ChannelGroup
from kerasprune.core.renumber import Renumber


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
    number = np.zeros(len(keep), int)
    number[origin] = np.arange(len(origin))
    cut = Renumber(number, keep)
    restricted = ChannelGraph(
        num_ids=len(origin),
        groups=tuple(
            ChannelGroup(group.name, cut.vector(group.ids), group.frozen, group.makers, group.ties)
            for group in graph.groups
        ),
        weights=tuple(cut.weight(weight) for weight in graph.weights),
        calls=tuple(cut.call(call) for call in graph.calls),
        edits={path: {key: cut.value(value) for key, value in edit.items()} for path, edit in graph.edits.items()},
        declined=graph.declined,
        input_shapes=graph.input_shapes,
        params_terms=tuple(cut.term(term) for term in graph.params_terms),
        macs_terms=tuple(cut.term(term) for term in graph.macs_terms),
        inexact=graph.inexact,
    )
    return restricted, origin
