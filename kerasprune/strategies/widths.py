"""What the report says about widths: what kernels make of them, and what they cost of the budget."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerasprune.core import ChannelGraph, ChannelGroup
from kerasprune.selection import Budget, tile

_NAMED = 3  # groups in a sentence
_WORTH_A_WORD = 0.01  # of a measure of the whole model


def width_notes(
    graph: ChannelGraph, keep: np.ndarray, budget: Budget, selection: Mapping[str, Any], by_table: bool = False
) -> list[str]:
    """Sentences about the widths that a selection ended on.

    Args:
        graph: The graph of the model.
        keep: bool (num_ids,), what stays of it.
        budget: What was allowed.
        selection: The options of `select`.
        by_table: Whether a table of layers said which widths pay.
    """
    rounded = selection.get("round_to", 1) == "auto"
    odd = [f"{group.name}: {left}" for group, left in _between_tiles(graph, keep)]
    notes = []
    if rounded and (unused := _unused(graph, keep, budget)):
        where = "it pays on this machine" if by_table else "common kernels compute whole blocks, 8 channels, or 4"
        notes.append(f"widths end where {where} (round_to='auto'), which left {', '.join(unused)}")
    if odd and not (rounded and by_table):
        more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
        why = "the budget asks for less than whole blocks leave" if rounded else "round_to='auto' ends on whole blocks"
        notes.append(
            f"widths that kernels compute in the time of the next multiple of 4 or 8 ({', '.join(odd[:_NAMED])}{more}) "
            f"make a model smaller, not faster; {why}"
        )
    return notes


def _between_tiles(graph: ChannelGraph, keep: np.ndarray) -> Iterator[tuple[ChannelGroup, int]]:
    """The groups that were cut to a width that is no multiple of what a kernel computes in one go."""
    for group in graph.free_groups:
        left = int(np.count_nonzero(keep[group.ids]))
        if left < group.width and left % tile(graph, group):
            yield group, left


def _unused(graph: ChannelGraph, keep: np.ndarray, budget: Budget) -> list[str]:
    """What of the tightest limit was not used, where that is worth a word."""
    shares = {name: budget.share(name, graph, keep) for name in budget.counted}
    found = [(allowed - left, name, left, allowed) for name, (left, allowed) in shares.items()]
    spare, name, left, allowed = min(found, default=(0.0, "", 0.0, 0.0))
    return [f"{name} at {left:.1%} where {allowed:.1%} was allowed"] if spare > _WORTH_A_WORD else []
