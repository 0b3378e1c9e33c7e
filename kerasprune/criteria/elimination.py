"""Which channel costs least, again and again, when those that stay repay every one that goes."""

from collections.abc import Callable, Sequence

import numpy as np

from kerasprune.core import Batch, ChannelGraph
from kerasprune.criteria.criterion import Ranking
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.moments import Moments, read_moments

DAMPING = 1e-5  # of the mean variance of an entry
MOST_ROUNDS = 512  # in a group of more channels than this, several go at a time


class Witness:
    """What one tensor says about the channels of one group.

    With `R` the inverse of the covariance of the entries that stay, an entry is off by `1 / R[j, j]` on average
    (squared) when the others predict it by least squares, and their share of it is `-R[j, i] / R[j, j]`. `curvature`
    says what being off costs: `e' curvature e` for an error `e`. It moves with what is repaid.

    Args:
        inverse: float (entries, entries), `R` for the entries of the group.
        curvature: float (entries, entries).
        members: For every channel of the group the numbers of its entries, int.
    """

    def __init__(self, inverse: np.ndarray, curvature: np.ndarray, members: Sequence[np.ndarray]):
        self.inverse = inverse
        self.curvature = curvature
        self.members = members
        self.single = max(map(len, members), default=0) == 1

    def costs(self, alive: np.ndarray) -> np.ndarray:
        """What it costs if each channel alone goes: float (channels,), 0 for those that are not here or not alive."""
        costs = np.zeros(len(self.members))
        if self.single:
            here = np.flatnonzero(alive & np.array([len(entries) for entries in self.members], bool))
            entries = np.array([self.members[number][0] for number in here], int)
            costs[here] = self.curvature[entries, entries] / self.inverse[entries, entries]
            return costs
        for number in np.flatnonzero(alive):
            block = np.ix_(self.members[number], self.members[number])
            costs[number] = np.trace(np.linalg.solve(self.inverse[block], self.curvature[block]))
        return costs

    def remove(self, channels: np.ndarray) -> None:
        """Channels go, and the others repay them."""
        gone = np.concatenate([self.members[number] for number in channels])
        if not len(gone):
            return
        across = self.inverse[:, gone]
        shares = -np.linalg.solve(across[gone], across.T).T  # (entries, gone): what stays makes of one that goes
        shares[gone] = 0.0
        self.inverse = self.inverse + shares @ across.T
        self.curvature = self.curvature + shares @ self.curvature[gone]
        self.curvature = self.curvature + self.curvature[:, gone] @ shares.T
        self.inverse[gone, :] = self.inverse[:, gone] = 0.0
        self.inverse[gone, gone] = 1.0


def eliminate(shares: Sequence[Witness], count: int) -> np.ndarray:
    """Remove one channel of a group after the other, always the one whose removal costs least.

    Args:
        shares: One for every tensor that holds channels of the group; what it costs is summed over them.
        count: The channels of the group.

    Returns:
        float (count,): what each cost when it went, never less than one that went before it.
    """
    alive, cost, highest = np.ones(count, bool), np.zeros(count), 0.0
    at_once = -(-count // MOST_ROUNDS)
    while alive.any():
        now = np.where(alive, sum((share.costs(alive) for share in shares), np.zeros(count)), np.inf)
        chosen = np.argsort(now, kind="stable")[: min(at_once, alive.sum())]
        highest = max(highest, float(now[chosen[-1]]))
        cost[chosen] = highest
        alive[chosen] = False
        if alive.any():
            for share in shares:
                share.remove(chosen)
    return cost


def ranking_by_elimination(
    evidence: Evidence, curvatures: Callable[[Evidence, Sequence[Batch], Sequence[Moments]], Sequence[np.ndarray]]
) -> Ranking:
    """What channels cost when those that stay repay them, for any gain, from one look at the data.

    Args:
        evidence: The model and its data.
        curvatures: What an error in each tensor that is read costs, float (width, width), from the evidence, the
            batches and the moments of the tensors.

    Returns:
        From a gain to costs; 0 for channels that nothing reads, +inf for those that are read out of sight.
    """
    data = list(evidence.sampling.feed(evidence.model))
    tensors = read_moments(evidence.model, evidence.graph, data)
    found = list(zip(tensors, curvatures(evidence, data, tensors), strict=True))
    unseen = evidence.probe.unseen
    return lambda gain: np.where(unseen, np.inf, _costs(evidence.graph, found, gain))


def _costs(graph: ChannelGraph, found: Sequence[tuple[Moments, np.ndarray]], gain: np.ndarray) -> np.ndarray:
    costs = np.zeros(graph.num_ids)
    tensors = [_left(moments, curvature, gain) for moments, curvature in found]
    for group in graph.free_groups:
        ids = group.ids[gain[group.ids] > 0]
        shares = []
        for labels, inverse, curvature in tensors:
            own = np.flatnonzero(np.isin(labels, ids))
            if len(own):
                members = [np.flatnonzero(labels[own] == channel) for channel in ids]
                shares.append(Witness(inverse[np.ix_(own, own)], curvature[np.ix_(own, own)], members))
        costs[ids] = eliminate(shares, len(ids))
    return costs


def _left(moments: Moments, curvature: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, inverse covariance and curvature of the entries that are left and repay those that are gone."""
    covariance = moments.covariance
    mean_variance = np.trace(covariance) / len(covariance)
    covariance = covariance + np.diag(np.full(len(covariance), DAMPING * mean_variance or 1.0))
    here = (gain[moments.labels] > 0) | (moments.labels == 0)
    inverse = np.linalg.inv(covariance[np.ix_(here, here)])
    if not here.all():
        shares = inverse @ covariance[np.ix_(here, ~here)]
        moves = np.zeros((here.sum(), len(here)))  # what an entry that is left stands for
        moves[:, here], moves[:, ~here] = np.eye(here.sum()), shares
        curvature = moves @ curvature @ moves.T
    return moments.labels[here], inverse, curvature
