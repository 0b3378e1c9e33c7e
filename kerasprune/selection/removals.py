"""Channels in the order in which they go when what a removal saves depends on what has gone before."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.selection.constraints import Constraints, Leeway
from kerasprune.selection.queue import RANKINGS, Queue, Valuation
from kerasprune.selection.select import checked
from kerasprune.selection.tiles import AUTO

_STAGES = 24  # between two of them prices stand still
_PAYS = 0.6  # of what it would save in proportion, a narrower width must save at least
_STILL_PAYS = 0.1  # where the budget asks for more than such widths save


class Pricing(Protocol):
    """What a model costs, where that is no sum over channels."""

    def total(self, keep: np.ndarray) -> float:
        """The price of the model that `keep` leaves."""

    def along(self, keep: np.ndarray, ids: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """The price of what `ids` take part in, when 0, `cuts[0]`, `cuts[1]`, ... of them are gone as well."""


class Removals:
    """All removals from a model, one after the other, each where it loses the least for what it saves then.

    A knapsack with precedence, filled greedily: the channels of a group go in the order of their scores, in steps that
    end on widths that pay; what a step saves is asked for anew after every twenty-fourth of the price. The
    order does not depend on how far one goes.

    Args:
        graph: What can be removed.
        scores: As in `select`.
        price: What a model costs.
        options: Those of `select`: `ranking`, `round_to`, `min_width`, `protect`, `overrides`. With `round_to="auto"`
            widths end where a wider group would cost more.

    Attributes:
        leeways: How far each group may shrink.
        ends: int (n,), how many channels are gone after each step of the way, none first.

    Reference:
        Shen et al., Structural Pruning via Latency-Saliency Knapsack (HALP), arXiv 2210.06659.
    """

    def __init__(self, graph: ChannelGraph, scores: np.ndarray, price: Pricing, options: Mapping[str, object]):
        self.graph, self._price = graph, price
        self._scores = checked(graph, scores)
        given = dict(options)
        ranking = RANKINGS[given.pop("ranking", "global")]
        found = Constraints(**given).leeways(graph, self._scores)
        self._start = graph.keep_all()
        for leeway in found:
            self._start[leeway.order[: leeway.forced]] = False
        automatic = given.get("round_to") == AUTO
        self.leeways = [self._paying(self._start, each, _PAYS) for each in found] if automatic else found
        queue = self._walk(self._start, self.leeways, ranking)
        if automatic:
            left = self._start.copy()
            left[queue.ids] = False
            rest = [self._paying(left, leeway.beyond(), _STILL_PAYS) for leeway in self.leeways]
            queue = queue.then(self._walk(left, rest, ranking))
        self._ids, self.ends = queue.ids, queue.ends

    def keep(self, gone: int) -> np.ndarray:
        """What is left when so many channels are gone: bool (num_ids,)."""
        keep = self._start.copy()
        keep[self._ids[:gone]] = False
        return keep

    def past(self, gone: np.ndarray) -> int:
        """The first of the ends behind which nothing is left of some channels, as far as they can go.

        Args:
            gone: bool (num_ids,).
        """
        places = np.flatnonzero(gone[self._ids])
        return int(self.ends[np.searchsorted(self.ends, places[-1] + 1)]) if len(places) else 0

    def _paying(self, keep: np.ndarray, leeway: Leeway, share: float) -> Leeway:
        """Only with those widths that save some share of what they would in proportion, beside every wider one."""
        gone = np.concatenate([[0], leeway.cuts])
        prices = self._price.along(keep, leeway.order, leeway.cuts)  # (cuts + 1,)
        fair = np.subtract.outer(-gone, -gone) * prices[0] / max(len(leeway.order), 1)
        pays = (np.subtract.outer(prices, prices) >= share * fair) | (fair <= 0)
        return replace(leeway, cuts=leeway.cuts[pays.all(axis=0)[1:]])

    def _walk(self, keep: np.ndarray, leeways: Collection[Leeway], ranking: Valuation) -> Queue:
        leeways, keep = list(leeways), keep.copy()
        ids: list[np.ndarray] = []
        step = self._price.total(self.graph.keep_all()) / _STAGES
        while True:
            scores = np.where(keep, self._scores, -np.inf)  # what is gone stands first
            queue = Queue.build(leeways, scores, self._saved(keep, leeways), ranking)
            removals = [r for r in np.split(queue.ids, queue.ends[1:-1]) if len(r) and keep[r[0]]]
            if not removals:
                break
            limit = self._price.total(keep) - step
            for removal in removals:
                keep[removal] = False
                ids.append(removal)
                if self._price.total(keep) < limit:
                    break
        return Queue(np.concatenate(ids) if ids else np.zeros(0, int), np.cumsum([0, *map(len, ids)]))

    def _saved(self, keep: np.ndarray, leeways: Collection[Leeway]) -> np.ndarray:
        """What each channel saves as a part of its removal: float (num_ids,)."""
        saved = np.ones(len(keep))
        for leeway in leeways:
            if not len(leeway.cuts):
                continue
            prices = self._price.along(keep, leeway.order, leeway.cuts)
            sizes = np.diff(leeway.cuts, prepend=0)
            each = np.repeat(np.maximum(-np.diff(prices), 0.0) / sizes, sizes)
            here = leeway.order[: leeway.cuts[-1]]
            saved[here] = np.where(keep[here], each, 1.0)
        return saved
