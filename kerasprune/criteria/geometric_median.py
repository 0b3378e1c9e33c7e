"""How far a channel's filter is from all the others of its layer."""

from dataclasses import dataclass

import numpy as np

from kerasprune.criteria.criterion import criterion
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from kerasprune.criteria.reduction import REDUCTIONS, Members
from kerasprune.criteria.sides import made_axes
from kerasprune.evidence.evidence import Evidence


@criterion("geometric_median")
@dataclass(frozen=True)
class GeometricMedian:
    """The sum of distances from a filter to all other filters that make channels of the same group.

    A small score means that the filter lies in the middle of the others, which can stand in for it; its size does not
    matter. The filters are the kernel slices that make the channels.

    Args:
        reduction: How the distances in several layers that make one channel become one: "sum", "mean" or "max".
        normalization: What each group is divided by: "none", "mean", "max" or "l2".

    Reference:
        He et al., Filter Pruning via Geometric Median, CVPR 2019: `score(c) = sum_k ||W[..., c] - W[..., k]||`.
    """

    reduction: str = "mean"
    normalization: str = "mean"

    def __post_init__(self):
        REDUCTIONS[self.reduction], NORMALIZATIONS[self.normalization]

    def __call__(self, evidence: Evidence) -> np.ndarray:
        graph = evidence.graph
        members = Members(graph.num_ids, self.reduction)
        group_of = np.full(graph.num_ids, -1)
        for number, group in enumerate(graph.free_groups):
            group_of[group.ids] = number
        for labels in graph.weights:
            for axis in made_axes(labels) if len(labels.axes) > 1 else ():
                ids, filters = slices(evidence.weight(labels), labels.axes[axis], axis)
                evidence.require_finite(labels, filters)
                for number in np.unique(group_of[ids][group_of[ids] >= 0]):
                    inside = group_of[ids] == number
                    sums = distances(filters[inside]).sum(axis=1)
                    members.add(ids[inside], sums)
        return normalize(members.result(), graph, self.normalization)


def slices(value: np.ndarray, labels: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of a weight that belongs to each channel along one axis.

    Returns:
        The distinct ids without 0, int (n,), and their slices, float32 (n, size), padded with zeros where a channel
        has fewer entries along the axis than another.
    """
    rows = np.moveaxis(value, axis, 0).reshape(len(labels), -1).astype(np.float32, copy=False)
    ids, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(ids) == len(labels):
        filters = rows[np.argsort(labels)]
    else:
        order = np.argsort(labels, kind="stable")
        place = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
        filters = np.zeros((len(ids), counts.max(), rows.shape[1]), np.float32)
        filters[inverse[order], place] = rows[order]
        filters = filters.reshape(len(ids), -1)
    return (ids[1:], filters[1:]) if ids[0] == 0 else (ids, filters)


def distances(filters: np.ndarray) -> np.ndarray:
    """Euclidean distances between all rows of (n, size): float (n, n)."""
    centred = filters - filters.mean(axis=0)  # distances stay, cancellation shrinks
    gram = (centred @ centred.T).astype(float)
    squares = np.diag(gram)
    return np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * gram, 0.0))
