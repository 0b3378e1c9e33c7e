"""The signed first-order change of the loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.probe import Probe


@criterion("linear")
@dataclass(frozen=True)
class Linear:
    """By how much the mean loss would rise, to first order, if a channel read zero.

    For a channel with the values `o` this is `-o * dloss/do`, summed over positions and readers and averaged over the
    samples with its sign: channels that one sample needs and another suffers from cancel, and a channel whose removal
    lowers the loss has a negative score. Needs data with labels, and a loss. A channel that is read only inside the
    layer that makes it, as in attention, gets +inf and stays.

    Reference:
        Mozer and Smolensky, Skeletonization, NIPS 1988; Wolfe et al., The Incredible Shrinking Neural Network,
        arXiv 1701.04465, section 3.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        probe = evidence.probe
        return lambda gain: np.where(probe.unseen, np.inf, linear_change(probe, evidence.data, gain))


def linear_change(probe: Probe, data: Any, gain: np.ndarray | None = None) -> np.ndarray:
    """The first-order change of the mean loss when each channel alone reads zero.

    Args:
        probe: Runs the model.
        data: Data with labels.
        gain: float (num_ids,), 0 for channels that are gone already; None for none.

    Returns:
        float (num_ids,).

    Raises:
        DataError: As in `Probe.gradients`.
    """
    total, samples = np.zeros(probe.graph.num_ids), 0
    for rows in probe.gradients(data, gain):
        total -= rows.sum(axis=0, dtype=float)
        samples += len(rows)
    return total / samples
