"""The size of a channel's weights."""

from dataclasses import dataclass

import numpy as np

from kerasprune.core import OptionError
from kerasprune.core.by_id import by_id
from kerasprune.criteria.criterion import criterion
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from kerasprune.criteria.reduction import REDUCTIONS, Members
from kerasprune.criteria.sides import SIDES
from kerasprune.evidence.evidence import Evidence

CHUNK = 1 << 18  # entries that are worked on at a time, so that they stay in the processor's cache


@criterion("magnitude")
@dataclass(frozen=True)
class Magnitude:
    """The p-norm of the kernel slices that belong to a channel.

    Kernels count, that is every labelled weight with more than one axis; biases and the statistics and scales of a
    normalization do not. A channel that several layers make (behind an addition) has one slice in each of them.

    Args:
        p: 1 for the sum of absolute values, 2 for the Euclidean norm.
        weights: Which kernels count: those that "made" the channel, those that "read" it, or "all".
        reduction: How the norms of one channel's slices become one number: "sum", "mean" or "max".
        normalization: What each group is divided by: "none", "mean", "max" or "l2". Norms grow with the fan-in
            and differ between layers by their initialization alone; divided by the mean of its group, a score says
            how a channel compares with its neighbours, which is what can be compared across layers.

    Reference:
        Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017: `score(c) = sum |W[..., c]|`.
    """

    p: int = 2
    weights: str = "all"
    reduction: str = "mean"
    normalization: str = "mean"

    def __post_init__(self):
        if self.p not in (1, 2):
            raise OptionError(f"`p` must be 1 or 2. Received: p={self.p!r}.")
        SIDES[self.weights], REDUCTIONS[self.reduction], NORMALIZATIONS[self.normalization]

    def __call__(self, evidence: Evidence) -> np.ndarray:
        members = Members(evidence.graph.num_ids, self.reduction)
        for labels in evidence.graph.weights:
            axes = SIDES[self.weights](labels)
            if not axes or len(labels.axes) < 2:
                continue
            for axis, sums in zip(axes, power_sums(evidence.weight(labels), axes, self.p), strict=True):
                evidence.require_finite(labels, sums)
                ids, totals = by_id(labels.axes[axis], sums)
                members.add(ids, totals if self.p == 1 else np.sqrt(totals))
        return normalize(members.result(), evidence.graph, self.normalization)


def power_sums(value: np.ndarray, axes: tuple[int, ...], p: int) -> list[np.ndarray]:
    """Sum `|value| ** p` over all axes but one, for each of `axes`, in one pass over the memory.

    Args:
        value: Array of at least two axes.
        axes: The axes for which a sum is wanted.
        p: 1 or 2.

    Returns:
        One float array (value.shape[axis],) per axis.
    """
    rows = value.reshape(-1, value.shape[-1])
    step = max(1, CHUNK // rows.shape[1])
    over_last = np.empty(len(rows))
    over_rows = np.zeros(rows.shape[1])
    ones = np.ones(max(step, rows.shape[1]), np.float32)
    for start in range(0, len(rows), step):
        part = rows[start : start + step].astype(np.float32, copy=False)
        part = np.abs(part) if p == 1 else np.square(part)
        over_last[start : start + step] = part @ ones[: part.shape[1]]
        over_rows += ones[: len(part)] @ part
    last = value.ndim - 1
    leading = over_last.reshape(value.shape[:-1])
    return [
        over_rows if axis == last else leading.sum(axis=tuple(other for other in range(last) if other != axis))
        for axis in axes
    ]
