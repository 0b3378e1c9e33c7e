"""How strongly, or how often, a channel is active."""

from dataclasses import dataclass

import numpy as np
from keras import ops

from kerasprune.core import Registry
from kerasprune.criteria.criterion import criterion
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from kerasprune.evidence.evidence import Evidence

# What is averaged: from a tensor and the axes to reduce, one number per sample and channel.
KINDS = Registry("kind of activation")


@KINDS.register("magnitude")
def _magnitude(tensor, axes):
    return ops.mean(ops.abs(tensor), axis=axes)


@KINDS.register("apoz")
def _share_of_nonzero(tensor, axes):
    return ops.mean(ops.cast(tensor != 0, "float32"), axis=axes)


@criterion("activation")
@dataclass(frozen=True)
class Activation:
    """The mean over samples, positions and readers of what a channel carries where it is read.

    Needs data without labels. A channel that nothing reads gets 0; one that is read only inside the layer that
    makes it, as in attention, gets +inf and stays.

    Args:
        kind: "magnitude" for the mean absolute value; "apoz" for one minus the average percentage of zeros, which
            tells channels behind a ReLU apart.
        normalization: What each group is divided by: "none", "mean", "max" or "l2".

    Reference:
        Hu et al., Network Trimming, 2016: `APoZ(c) = mean(z_c == 0)`; the score is `1 - APoZ`.
    """

    kind: str = "magnitude"
    normalization: str = "mean"

    def __post_init__(self):
        KINDS[self.kind], NORMALIZATIONS[self.normalization]

    def __call__(self, evidence: Evidence) -> np.ndarray:
        means = evidence.probe.statistics(evidence.data, KINDS[self.kind])
        scores = np.where(evidence.probe.unseen, np.inf, np.nan_to_num(means, nan=0.0))
        return normalize(scores, evidence.graph, self.normalization)
