"""The graph of a slimmed model, without tracing it."""

from dataclasses import replace

import numpy as np

from kerasprune.core.edits import Share
from kerasprune.core.graph import CallLabels, ChannelGraph, ChannelGroup
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
        calls=tuple(part for call in graph.calls for part in _with_factor(call, cut.call(call))),
        edits={path: {key: cut.value(value) for key, value in edit.items()} for path, edit in graph.edits.items()},
        declined=graph.declined,
        input_shapes=graph.input_shapes,
        params_terms=tuple(cut.term(term) for term in graph.params_terms),
        macs_terms=tuple(cut.term(term) for term in graph.macs_terms),
        inexact=graph.inexact,
        ours=graph.ours,
    )
    return restricted, origin


def _with_factor(before: CallLabels, call: CallLabels) -> tuple[CallLabels, ...]:
    """A call, and behind it the one that multiplies its output where channels of its statistic are gone."""
    if before.share is None or call.share is None or call.share.value == before.share.value:
        return (call,)
    name, _, number = call.key.rpartition("#")
    factor = CallLabels(
        key=f"{factor_name(name, before.share)}#{number}",
        operation=factor_name(call.operation, before.share),
        inputs=call.outputs,
        outputs=call.outputs,
        reads=((),),
        arguments={1: call.share},
    )
    return replace(call, share=None), factor


def factor_name(name: str, share: Share) -> str:
    """The name of the operation that multiplies the output of another one, by that one's name.

    It has the number of channels, so that none has the same name when the smaller model is traced and cut again.
    """
    return f"{name}_of_{len(share.labels)}"
