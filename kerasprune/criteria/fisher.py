"""The squared gradient as curvature."""

from dataclasses import dataclass

import numpy as np

from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence.evidence import Evidence


@criterion("fisher")
@dataclass(frozen=True)
class Fisher:
    """By how much the mean loss would rise to second order, with the empirical Fisher information as curvature.

    For a channel with the values `o` this is half the mean over the samples of the square of `o * dloss/do`, summed
    over positions and readers within a sample first. Needs data with labels, and a loss. A channel that is read only
    inside the layer that makes it, as in attention, gets +inf and stays.

    Reference:
        Theis et al., Faster Gaze Prediction with Dense Networks and Fisher Pruning, arXiv 1801.05787, equation 9.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        probe = evidence.probe

        def scores(gain: np.ndarray) -> np.ndarray:
            total, samples = np.zeros(evidence.graph.num_ids), 0
            for rows in probe.gradients(evidence.data, gain):
                total += np.square(rows, dtype=float).sum(axis=0)
                samples += len(rows)
            return np.where(probe.unseen, np.inf, total / (2 * samples))

        return scores
