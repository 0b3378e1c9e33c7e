"""What the loss would lose to first order if a channel read zero."""

from dataclasses import dataclass

import numpy as np

from kerasprune.core import Registry
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from kerasprune.evidence.evidence import Evidence

# From the derivatives of one batch, (samples, num_ids), to what is summed over the data: (num_ids,).
FORMS = Registry("form of the first-order term")


@FORMS.register("absolute")
def _absolute(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows).sum(axis=0, dtype=float)


@FORMS.register("squared")
def _squared(rows: np.ndarray) -> np.ndarray:
    # The square of the batch's mean derivative, weighted by the samples of the batch.
    return np.square(rows.mean(axis=0, dtype=float)) * len(rows)


@criterion("taylor")
@dataclass(frozen=True)
class Taylor:
    """The first-order Taylor term of the loss in the gain of a channel, where the channel is read.

    It is made of `g`, the derivative of the loss with respect to a gain by which the channel is multiplied
    everywhere it is read, that is the sum of `z * dloss/dz` over all positions and readers. Needs data with labels,
    and a loss. A channel that is read only inside the layer that makes it, as in attention, gets +inf and stays.

    Args:
        form: "absolute" averages `|g|` over the samples; "squared" averages over the batches the square of a batch's
            mean `g`.
        normalization: What each group is divided by: "none", "mean", "max" or "l2". Without it the scores are
            changes of the loss and go with `select(..., ranking="per_cost")`; under the "global" ranking narrow and
            cheap groups, whose channels matter little one by one, would be emptied first.

    Reference:
        "absolute" with "l2": Molchanov et al., Pruning Convolutional Neural Networks for Resource Efficient
        Inference, ICLR 2017. "squared" with "none": Molchanov et al., Importance Estimation for Neural Network
        Pruning, CVPR 2019, on gates.
    """

    form: str = "squared"
    normalization: str = "l2"

    def __post_init__(self):
        FORMS[self.form], NORMALIZATIONS[self.normalization]

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""

        def scores(gain: np.ndarray) -> np.ndarray:
            total, samples = np.zeros(evidence.graph.num_ids), 0
            for rows in evidence.probe.gradients(evidence.data, gain):
                total += FORMS[self.form](rows)
                samples += len(rows)
            left = np.where(gain > 0, total / samples, np.inf)  # what is gone has no part in the scale of its group
            return normalize(np.where(evidence.probe.unseen, np.inf, left), evidence.graph, self.normalization)

        return scores
