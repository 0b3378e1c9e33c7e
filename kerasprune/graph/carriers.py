"""Which of its new axes carries the channels that a reshape deals out among several, found by trying."""

from collections.abc import Callable, Mapping

import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph.ledger import Ledger

OUTPUT = "is an output of the model"  # how the reason ends for which the channels of an output stay


def with_best_carriers(traced: Callable[[Mapping[str, int]], tuple[ChannelGraph, Ledger]]) -> ChannelGraph:
    """The graph in which reshapes that deal channels out among several axes give them to axes that can lose them.

    Which axis can is not known before the trace is through: of (3, heads, size), the first one is taken apart into
    query, key and value later. So where all channels stay, the next axis is tried, for all such reshapes at once.
    """
    carriers: dict[str, int] = {}
    first = best = last = traced(carriers)
    while moved := _next_axes(*last, carriers):
        carriers = {**carriers, **moved}
        last = traced(carriers)
        best = max(best, last, key=_num_free)
    left = {key: number for key, number in carriers.items() if key not in _stuck(*last)}
    if best is not first and left != carriers:  # what no axis can lose is left as it would be without this search
        best = max(traced(left), best, key=_num_free)
    return best[0]


def _num_free(traced: tuple[ChannelGraph, Ledger]) -> int:
    return traced[0].num_ids - int(traced[0].frozen.sum())


def _stuck(graph: ChannelGraph, ledger: Ledger) -> dict[str, tuple[np.ndarray, int]]:
    """The channels and the number of axes of every reshape whose channels all stay; outputs of the model left out."""
    outputs = np.zeros(graph.num_ids, bool)
    for group in graph.groups:
        outputs[group.ids] = group.frozen is not None and group.frozen.endswith(OUTPUT)
    splits = ledger.splits.items()
    return {key: split for key, split in splits if graph.frozen[split[0]].all() and not outputs[split[0]].any()}


def _next_axes(graph: ChannelGraph, ledger: Ledger, carriers: Mapping[str, int]) -> dict[str, int]:
    """The next axis of those reshapes whose channels all stay and that have one.

    Those that stay because what they are combined with has no channels wait until that has found its axis.
    """
    single = np.zeros(graph.num_ids, bool)
    for ids in ledger.single:
        single[ids] = True
    stuck = _stuck(graph, ledger)
    found = {key: carriers.get(key, 0) + 1 for key, (_, count) in stuck.items() if carriers.get(key, 0) + 1 < count}
    waiting = {key for key in found if single[stuck[key][0]].any()}
    return {key: number for key, number in found.items() if key not in waiting} or found
