"""In which order channels go when several groups compete."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasprune.core import Registry
from kerasprune.selection.constraints import Leeway

RANKINGS = Registry("ranking")

# From a leeway, the scores and the costs of all ids to one value per possible removal, the least valued goes first.
Valuation = Callable[[Leeway, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Queue:
    """Removals in the order in which they happen.

    Attributes:
        ids: int (n,), ids in the order of removal.
        ends: int (k + 1,), so many of `ids` are gone after 0, 1, ..., k removals; a removal takes one or more ids.
    """

    ids: np.ndarray
    ends: np.ndarray

    @classmethod
    def build(cls, leeways: list[Leeway], scores: np.ndarray, costs: np.ndarray, ranking: Valuation) -> "Queue":
        """Merge the removals of all groups, the least valued first, ties by id."""
        removals: list[np.ndarray] = []
        values: list[np.ndarray] = []
        for leeway in leeways:
            removals += np.split(leeway.order, leeway.cuts)[:-1]
            # A group's removals happen in its own order whatever the ranking says.
            values.append(np.maximum.accumulate(ranking(leeway, scores, costs)))
        if not removals:
            return cls(np.zeros(0, int), np.zeros(1, int))
        firsts = np.concatenate([_firsts(leeway) for leeway in leeways])
        order = np.lexsort((firsts, np.concatenate(values)))
        chosen = [removals[i] for i in order]
        return cls(np.concatenate(chosen), np.cumsum([0, *map(len, chosen)]))

    def then(self, other: "Queue") -> "Queue":
        """These removals, and others after all of them."""
        return Queue(np.concatenate([self.ids, other.ids]), np.concatenate([self.ends, self.ends[-1] + other.ends[1:]]))


@RANKINGS.register("global")
def by_score(leeway: Leeway, scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Value a removal by the mean score of its channels, whichever group they are of: float (len(leeway.cuts),)."""
    return _sums(leeway, scores) / np.diff(leeway.cuts, prepend=0)


@RANKINGS.register("per_cost")
def by_score_per_cost(leeway: Leeway, scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Value a removal by what it loses for what it saves; one that saves nothing goes last."""
    lost, saved = _sums(leeway, scores), _sums(leeway, costs)
    return np.divide(lost, saved, out=np.full(len(lost), np.inf), where=saved > 0)


@RANKINGS.register("per_layer")
def by_share(leeway: Leeway, scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Value a removal by the share of its group that is then gone, so that all groups shrink alike."""
    return leeway.cuts / leeway.group.width


def _sums(leeway: Leeway, values: np.ndarray) -> np.ndarray:
    """The sum of the values of every removal's channels: float (len(leeway.cuts),)."""
    if not len(leeway.cuts):
        return np.zeros(0)
    return np.add.reduceat(values[leeway.order[: leeway.cuts[-1]]], _starts(leeway))


def _firsts(leeway: Leeway) -> np.ndarray:
    """The first id of every removal, made nondecreasing so that ties across groups keep each group's own order."""
    return np.maximum.accumulate(leeway.order[_starts(leeway)])


def _starts(leeway: Leeway) -> np.ndarray:
    """Where in the leeway's order every removal starts: int (len(leeway.cuts),)."""
    return np.concatenate([[0], leeway.cuts])[: len(leeway.cuts)].astype(int)
