"""From scores and a budget to a `keep`."""

import bisect
from collections.abc import Collection, Mapping

import numpy as np

from kerasprune.core import MEASURES, BudgetError, ChannelGraph
from kerasprune.selection.budget import Budget, amount, costs, fits, require_budget
from kerasprune.selection.constraints import Constraints, Leeway
from kerasprune.selection.queue import RANKINGS, Queue

NAMED_GROUPS = 5  # in the message about a budget that cannot be reached


def select(
    graph: ChannelGraph,
    scores: np.ndarray,
    budget: Budget,
    *,
    ranking: str = "global",
    round_to: int | str = 1,
    min_width: float = 1,
    protect: Collection[str] = (),
    overrides: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Choose which channels stay, so that the slimmed model is within the budget.

    Channels go one after the other, the least valued first and equal ones by id, until the budget is met. The order
    does not depend on the budget: what a larger budget removes, a smaller one removes too.

    Args:
        graph: What can be removed.
        scores: float (num_ids,), higher = more worth keeping; +inf = must stay, -inf = goes first.
        budget: The limits.
        ranking: "global" compares the scores of all groups with each other, so they must have one scale;
            "per_cost" divides them by what a removal saves of the budget first, which suits scores that foretell a
            change of the loss; "per_layer" compares only within a group, and takes the same share of every group.
        round_to: Widths become multiples of this number; a group that is not cut keeps the width it has. A
            removal then takes several channels and counts with their mean score. "auto" is what common kernels compute
            in one go, 8 channels, and 4 in groups of fewer than 32; if the budget asks for less than that leaves,
            widths end below it, too.
        min_width: No group gets narrower: a number of channels, or a fraction in (0, 1) of each group.
        protect: Patterns (`fnmatch`) over the names of groups and of the layers that make their channels; what
            matches is not touched.
        overrides: Pattern to the fraction kept in (0, 1], or to the width if above 1; the group gets this width
            whatever the budget. The last pattern that matches counts; `protect` goes before.

    Returns:
        bool (num_ids,), True = stays. Id 0, frozen ids and at least one id of every group stay.

    Raises:
        BudgetError: The budget cannot be reached, a pattern matches nothing, or the scores are not finite.

    Example:

    >>> keep = select(graph, scores, Budget(flops=0.5), round_to=2, protect=["hidden*"])
    >>> int(keep.sum()) < graph.num_ids
    True
    """
    require_budget(budget)
    order_by = RANKINGS[ranking]
    scores = checked(graph, scores)
    leeways = Constraints(round_to, min_width, protect, overrides).leeways(graph, scores)
    saved = costs(graph, budget)
    queue = Queue.build(leeways, scores, saved, order_by)
    queue = queue.then(Queue.build([leeway.beyond() for leeway in leeways], scores, saved, order_by))
    start = graph.keep_all()
    for leeway in leeways:
        start[leeway.order[: leeway.forced]] = False

    def keep_after(removals: int) -> np.ndarray:
        keep = start.copy()
        keep[queue.ids[: queue.ends[removals]]] = False
        return keep

    limits = budget.limits(graph)
    smallest = keep_after(len(queue.ends) - 1)
    if not fits(graph, smallest, limits):
        raise BudgetError(_unreachable(graph, smallest, budget, limits, leeways))
    fewest = bisect.bisect_left(
        range(len(queue.ends)), True, key=lambda removals: fits(graph, keep_after(removals), limits)
    )
    return keep_after(fewest)


def checked(graph: ChannelGraph, scores) -> np.ndarray:
    """The scores as float (num_ids,).

    Raises:
        BudgetError: They have another shape, or hold NaN for what may go.
    """
    scores = np.asarray(scores, float)
    if scores.shape != (graph.num_ids,):
        raise BudgetError(
            f"`scores` must have shape ({graph.num_ids},), one entry per channel id. Received: shape {scores.shape}."
        )
    for group in graph.free_groups:
        if np.isnan(scores[group.ids]).any():
            raise BudgetError(
                f"The scores of {group.name!r} contain NaN. "
                f"Check the weights of {', '.join(group.makers)}, or the criterion."
            )
    return scores


def _unreachable(graph, smallest, budget, limits, leeways: list[Leeway]) -> str:
    name = next(name for name, limit in limits.items() if not fits(graph, smallest, {name: limit}))
    measure = MEASURES[name]
    least, whole = measure.value(graph, smallest), measure.value(graph)
    reasons = {leeway.group.name: leeway.reason for leeway in leeways}
    blockers = _left_alone(graph, smallest, name)
    groups = []
    for group in graph.groups:
        without = smallest.copy()
        without[group.ids[smallest[group.ids]][1:]] = False
        share = 1 - measure.value(graph, without) / least
        if share > 0:
            groups.append((share, group.name, group.frozen or reasons[group.name]))
    blockers += sorted(groups, key=lambda blocker: -blocker[0])
    named = "; ".join(f"{group!r} holds {100 * share:.1f} % ({why})" for share, group, why in blockers[:NAMED_GROUPS])
    more = f"; and {len(blockers) - NAMED_GROUPS} more" if len(blockers) > NAMED_GROUPS else ""
    return (
        f"The budget {name} <= {amount(budget.given[name])} cannot be reached: the smallest possible is "
        f"{name}={least:,.0f}, {100 * least / whole:.1f} % of the model. Raise the budget, or free what is in the way: "
        f"{named}{more}."
    )


def _left_alone(graph: ChannelGraph, keep: np.ndarray, name: str) -> list[tuple[float, str, str]]:
    """The share of the measure that the layers hold which stay whole, the largest first, with their reasons."""
    table = graph.cost_table
    held = dict.fromkeys(graph.declined, 0.0)
    for layer, value in zip(table.sums[name].layers, table.values(name, keep).tolist(), strict=True):
        if layer in held:
            held[layer] += value
    least = MEASURES[name].value(graph, keep)
    return sorted(
        ((value / least, layer, graph.declined[layer]) for layer, value in held.items() if value > 0),
        key=lambda each: -each[0],
    )
