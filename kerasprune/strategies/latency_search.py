"""A latency as a budget: what is selected is rebuilt, exported and timed until it takes as long as is allowed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kerasprune.core import BudgetError
from kerasprune.evidence.progress import countdown
from kerasprune.report import Timed
from kerasprune.selection import Budget, Removals, select
from kerasprune.selection.budget import fits
from kerasprune.strategies.stopwatch import Stopwatch
from kerasprune.tflite import LayerCosts

TOLERANCE = 0.05  # of the target: a search that ends further from it says so
_CLOSE = 0.02  # of the target: a search ends here
_TRIES = 9  # models that one search builds and times, at most
_ASSURED = 3  # measurements of a model that may be the one
_NAMED = 4  # parts in a sentence


class LatencySearch:
    """Selections under a budget that limits the latency.

    A path through all removals is laid by a table of layers; along it models are built and timed, each where those
    before it foretell the target. Of a group of channels only the last step may end between two widths that pay.

    Args:
        stopwatch: Times models; None to go by the table alone.
        costs: The table of layers for the model.
        goal: The budget in the end, with the latency as a fraction; looser ones on the way go by the table.
        progress: Whether to show a progress bar.
    """

    def __init__(self, stopwatch: Stopwatch | None, costs: LayerCosts, goal: Budget, progress: bool = False):
        self._stopwatch, self._costs, self._goal, self._progress = stopwatch, costs, goal, progress
        self._seen: dict[float, float] = {0.0: 0.0, 1.0: 1.0}  # what the table foretold to what was measured

    def by_table(self) -> "LatencySearch":
        """The same without building and timing: for comparisons."""
        found = LatencySearch(None, self._costs, self._goal)
        found._seen = self._seen
        return found

    def select(self, scores: np.ndarray, budget: Budget, options: Mapping[str, Any]) -> np.ndarray:
        """Choose which channels stay, as `select` does.

        Args:
            scores: float (num_ids,).
            budget: The limits, of the latency a fraction. Where it is not limited the table says which widths pay.
            options: Those of `select`.

        Returns:
            bool (num_ids,), True = stays.

        Raises:
            BudgetError: The budget cannot be reached; the sentence names what takes the time.
        """
        graph = self._costs.graph
        way = Removals(graph, scores, self._costs, options)
        limits = budget.counted_limits(graph)
        ends = way.ends[way.ends >= way.past(np.isneginf(scores))]
        first = next((int(end) for end in ends if fits(graph, way.keep(end), limits)), None)
        if first is None:
            return select(graph, scores, Budget(**budget.counted), **options)  # which says what is in the way
        if budget.latency is None:
            return way.keep(first)
        target = float(budget.latency)
        timed = self._stopwatch is not None and target <= float(self._goal.latency or 0) * (1 + 1e-9)
        with countdown("timing candidates", self._progress and timed) as advance:
            walk = _Approach(way, self._measured if timed else self._foretold, self._foretold, first, target)
            for tries in range(1, (_TRIES if timed else len(way.ends)) + 1):
                if walk.done():
                    break
                advance(tries / _TRIES, walk.step())
        if walk.best > target * (1 + TOLERANCE) and walk.at_end():
            raise BudgetError(self._unreachable(way, walk, budget))
        return way.keep(walk.place)

    def measured(self, keep: np.ndarray) -> Timed | None:
        """The times of the whole model and of what has become of it, taken anew; None without a stopwatch.

        Args:
            keep: bool (num_ids,), what is left of the model.
        """
        if self._stopwatch is None:
            return None
        allowed = None if self._goal.latency is None else float(self._goal.latency)
        other = self._stopwatch.in_float32(keep)
        return replace(self._stopwatch.confirm(keep), allowed=allowed, in_float32=other, layers=self.layers(keep))

    def layers(self, keep: np.ndarray) -> dict[str, tuple[float, float]]:
        """Layer to its milliseconds before and after, by the table."""
        everything = self._costs.graph.keep_all()
        before, after = self._costs.layers(everything), self._costs.layers(keep)
        found = {name: (value, after[name]) for name, value in before.items()}
        return {**found, "all else": (self._costs.rest(everything), self._costs.rest(keep))}

    def _measured(self, keep: np.ndarray) -> float:
        found = self._stopwatch.share(keep)
        if abs(found / float(self._goal.latency) - 1) <= TOLERANCE:  # near enough to be taken: by chance?
            found = self._stopwatch.share(keep, _ASSURED)
        self._seen[self._by_table(keep)] = found
        return found

    def _by_table(self, keep: np.ndarray) -> float:
        return self._costs.total(keep) / (self._costs.total(self._costs.graph.keep_all()) or 1)

    def _foretold(self, keep: np.ndarray) -> float:
        """What the table says, as far off as it was where models were timed."""
        foretold, found = np.array(sorted(self._seen.items())).T
        return float(np.interp(self._by_table(keep), foretold, np.maximum.accumulate(found)))

    def _unreachable(self, way: Removals, walk: "_Approach", budget: Budget) -> str:
        keep = way.keep(walk.place)
        reasons = {leeway.group.name: leeway.reason for leeway in way.leeways}
        reasons |= {maker: reasons[g.name] for g in way.graph.free_groups for maker in g.makers if g.name in reasons}
        reasons |= {maker: g.frozen for g in way.graph.groups if g.frozen for maker in g.makers}
        reasons["all else"] = "what has no weights, and the runtime"
        total = self._costs.total(keep) or 1
        parts = sorted(self.layers(keep).items(), key=lambda item: -item[1][1])[:_NAMED]
        named = "; ".join(
            f"{name!r} takes {100 * after / total:.0f} % ({reasons.get(name, 'as narrow as it gets')})"
            for name, (_, after) in parts
        )
        return (
            f"The budget {Budget(latency=budget.latency)} cannot be reached: the smallest model takes "
            f"{100 * walk.best:.1f} % of the time. Raise the budget, or free what is in the way: {named}."
        )


class _Approach:
    """Looks for the place on a way where the share of the time is the target.

    Args:
        way: The way.
        share: Measures what `keep` leaves.
        foretold: Foretells it, up to a factor that changes slowly along the way.
        first: The first place that may be taken.
        target: The share.
    """

    def __init__(self, way: Removals, share, foretold, first: int, target: float):
        self._way, self._share, self._foretold, self._target = way, share, foretold, target
        self._found: dict[int, float] = {}
        self._slow: int | None = None  # the last place that is known to take too long
        self._fast: int | None = None  # the first one that is known not to
        self._first = first
        self._last = int(way.ends[-1])
        self._prices: dict[int, float] = {}
        self._look(first)

    @property
    def place(self) -> int:
        """The place nearest to the target, as a number of channels that are gone; of equal ones the first."""
        return min(self._found, key=lambda place: (abs(self._found[place] / self._target - 1), place))

    @property
    def best(self) -> float:
        """The share there."""
        return self._found[self.place]

    def done(self) -> bool:
        """Whether nothing better is to be found."""
        at_first = self._found[self._first] <= self._target
        return at_first or abs(self.best / self._target - 1) <= _CLOSE or not len(self._open())

    def at_end(self) -> bool:
        """Whether the place is the last one."""
        return self.place == self._last

    def step(self) -> str:
        """Look where the target is foretold; returns what was found, in words."""
        places = self._open()
        foretold = np.array([self._corrected(int(place)) for place in places])
        place = int(places[np.argmin(np.abs(foretold - (1 - _CLOSE / 2) * self._target))])
        self._look(place)
        return f"{self._found[place]:.1%} of the time"

    def _look(self, place: int) -> None:
        self._found[place] = self._share(self._way.keep(place))
        if self._found[place] > self._target:
            self._slow = place
        else:
            self._fast = place

    def _open(self) -> np.ndarray:
        """Places between what is too slow and what is fast enough: ends of steps, or within the last step channels."""
        low = self._first if self._slow is None else self._slow
        high = self._last + 1 if self._fast is None else self._fast
        ends = self._way.ends[(self._way.ends > low) & (self._way.ends < high)]
        return ends if len(ends) else np.arange(low + 1, min(high, self._last + 1))

    def _corrected(self, place: int) -> float:
        """What is foretold for a place, as far off as at the places that were looked at."""
        known = [at for at in (self._slow, self._fast) if at is not None]
        before = [(self._price(at), self._found[at]) for at in known]
        here = self._price(place)
        if len(before) == 1 or before[0][0] == before[1][0]:
            return here * before[0][1] / before[0][0]
        (low, slow), (high, fast) = before
        return slow + (here - low) * (fast - slow) / (high - low)

    def _price(self, place: int) -> float:
        if place not in self._prices:
            self._prices[place] = self._foretold(self._way.keep(place))
        return self._prices[place]
