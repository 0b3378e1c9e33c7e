"""How far each group may shrink: protection, overrides, minimum widths, rounding."""

import fnmatch
import math
import numbers
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kerasprune.core import BudgetError, ChannelGraph, ChannelGroup
from kerasprune.selection.tiles import AUTO, tile


@dataclass(frozen=True, eq=False)
class Leeway:
    """How far one group may shrink, and in which order its channels go.

    Attributes:
        group: The group.
        order: int (width,), its ids from the least to the most worth keeping; ties by id.
        forced: The first so many of `order` go whatever the budget.
        cuts: int, increasing; the numbers of `order` that may be gone in total, above `forced`.
        reason: What keeps the group from shrinking further.
        last: The last of them that the budget may ask for when no other will do.
    """

    group: ChannelGroup
    order: np.ndarray
    forced: int
    cuts: np.ndarray
    reason: str
    last: int = 0

    @property
    def widths(self) -> list[int]:
        """How many channels may be left, falling."""
        return [self.group.width - self.forced, *(self.group.width - int(cut) for cut in self.cuts)]

    def beyond(self) -> "Leeway":
        """What may go one by one when all cuts of all groups are made."""
        done = int(self.cuts[-1]) if len(self.cuts) else 0
        cuts = np.arange(1, self.last - done + 1)
        return replace(self, order=self.order[done:], cuts=cuts)


@dataclass(frozen=True, eq=False)
class _Rounded:
    """A group, and what its widths are multiples of."""

    group: ChannelGroup
    step: int


@dataclass(frozen=True)
class Constraints:
    """What the user demands of the widths, whatever the scores say; see `select` for the fields."""

    round_to: int | str = 1
    min_width: float = 1
    protect: Collection[str] = ()
    overrides: Mapping[str, float] | None = None

    def __post_init__(self):
        if not (_is_count(self.round_to) or self.round_to == AUTO):
            raise BudgetError(
                f"`round_to` must be a whole number of at least 1, or 'auto'. Received: round_to={self.round_to!r}."
            )
        if not (_is_count(self.min_width) or _is_fraction(self.min_width)):
            raise BudgetError(
                "`min_width` must be a whole number of at least 1, or a fraction in (0, 1) of every group. "
                f"Received: min_width={self.min_width!r}."
            )
        for pattern, value in (self.overrides or {}).items():
            if not (_is_count(value) or _is_fraction(value)):
                raise BudgetError(
                    "`overrides` must map to a fraction kept in (0, 1] or to a whole number above 1, the width. "
                    f"Received: {pattern!r}: {value!r}."
                )

    def leeways(self, graph: ChannelGraph, scores: np.ndarray) -> list[Leeway]:
        """One leeway for every group that is not frozen.

        Raises:
            BudgetError: A pattern matches nothing, or an override does not fit its group.
        """
        protected = _match(graph, "protect", self.protect)
        overrides = _match(graph, "overrides", self.overrides or {}, free=True)
        return [
            self._leeway(
                _Rounded(group, tile(graph, group) if self.round_to == AUTO else int(self.round_to)),
                scores[group.ids],
                protected.get(group.name),
                overrides.get(group.name),
            )
            for group in graph.free_groups
        ]

    def _leeway(self, rounded: "_Rounded", scores: np.ndarray, protected: str | None, override: str | None) -> Leeway:
        group, step = rounded.group, rounded.step
        order = group.ids[np.argsort(scores, kind="stable")]
        locked = int(np.isposinf(scores).sum())
        if protected is not None:
            return Leeway(group, order, 0, np.zeros(0, int), f"protected by {protected!r}")
        if override is not None:
            width = self._overridden(rounded, override, locked)
            return Leeway(group, order, group.width - width, np.zeros(0, int), f"set to {width} by {override!r}")
        least, reason = self._least(group, locked)
        cuts = np.arange(group.width % step or step, group.width - least + 1, step)
        return Leeway(group, order, 0, cuts, reason, group.width - least if self.round_to == AUTO else 0)

    def _least(self, group: ChannelGroup, locked: int) -> tuple[int, str]:
        """The smallest width of a group, before rounding, and what sets it."""
        floor = math.ceil(self.min_width * group.width) if self.min_width < 1 else int(self.min_width)
        if locked > floor:
            return locked, f"{locked} channels have a score of +inf"
        if floor > 1:
            return floor, f"min_width={self.min_width:g}"
        return 1, "one channel must stay" if self.round_to in (1, AUTO) else f"round_to={self.round_to}"

    def _overridden(self, rounded: "_Rounded", pattern: str, locked: int) -> int:
        """The width that an override sets: a fraction is rounded up to `round_to`, a number is taken as it is."""
        value, group = self.overrides[pattern], rounded.group
        width = math.ceil(value * group.width - 1e-9) if value <= 1 else int(value)
        if value <= 1:
            width = min(group.width, -(-width // rounded.step) * rounded.step)
        if not locked <= width <= group.width:
            raise BudgetError(
                f"The override {pattern!r}: {value!r} sets {group.name!r} to {width} channels, but it has "
                f"{group.width}, of which {locked} have a score of +inf and must stay."
            )
        return width


def _match(graph: ChannelGraph, argument: str, patterns: Collection[str], free: bool = False) -> dict[str, str]:
    """Group name to the last pattern that matches the group's name or one of its makers."""
    if isinstance(patterns, str):
        raise BudgetError(f"`{argument}` must be a collection of patterns. Received the string {patterns!r}.")
    matches: dict[str, str] = {}
    for pattern in patterns:
        hits = [g for g in graph.groups if any(fnmatch.fnmatchcase(name, pattern) for name in (g.name, *g.makers))]
        if not hits:
            raise BudgetError(
                f"The pattern {pattern!r} in `{argument}` matches no group and no layer that makes channels. "
                f"Known: {', '.join(group.name for group in graph.groups)}."
            )
        if free and all(group.frozen for group in hits):
            raise BudgetError(
                f"The pattern {pattern!r} in `{argument}` matches only channels that cannot be removed: "
                f"{hits[0].name!r} stays because {hits[0].frozen}."
            )
        matches.update((group.name, pattern) for group in hits)
    return matches


def _is_count(value) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1


def _is_fraction(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 < value <= 1
