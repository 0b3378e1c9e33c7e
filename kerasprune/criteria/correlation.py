"""How well another channel of the same group says what a channel says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasprune.core import ChannelGroup
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.moments import Moments, pooled, read_moments


@criterion("correlation")
@dataclass(frozen=True)
class Correlation:
    """One minus the squared correlation of a channel with the one of its group that is most like it.

    That is the share of its variance which a multiple of the other plus a constant leaves unexplained; the recovery
    "merge" moves exactly this multiple and constant into the readers. Of the most correlated pair the channel of the
    smaller variance goes first, then the pairs of what is left are looked at again, so of many alike one gets a high
    score. A constant channel gets 0: a bias says what it says. Where a group is read at several tensors, the mean over
    them counts. Needs data without labels. A channel that nothing reads gets 0; one that is read only inside the layer
    that makes it, as in attention, gets +inf and stays.

    Reference:
        Babaeizadeh, Smaragdis and Campbell, NoiseOut, arXiv 1611.06211: merging the most correlated neurons.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left, from the activations of the whole model."""
        graph = evidence.graph
        data = evidence.sampling.feed(evidence.model)
        tensors = read_moments(evidence.model, graph, data)
        found = [(group, *_likeness(group, tensors)) for group in graph.free_groups]

        def scores(gain: np.ndarray) -> np.ndarray:
            values = np.zeros(graph.num_ids)
            for group, likeness, variance in found:
                left = gain[group.ids] > 0
                values[group.ids[left]] = _in_turn(likeness[np.ix_(left, left)], variance[left])
            return np.where(evidence.probe.unseen, np.inf, values)

        return scores


def _likeness(group: ChannelGroup, tensors: Sequence[Moments]) -> tuple[np.ndarray, np.ndarray]:
    """The mean squared correlations, float (channels, channels), and variances, float (channels,), of a group.

    What does not vary is like everything; what is not read varies by nothing.
    """
    squares, variances, places = np.zeros((group.width, group.width)), np.zeros(group.width), 0
    for tensor in tensors:
        if np.isin(group.ids, tensor.labels).any():
            covariance = pooled(tensor.covariance, tensor.labels, group.ids)
            scale = np.diag(covariance)[:, None] * np.diag(covariance)
            squares += np.divide(np.square(covariance), scale, out=np.ones_like(scale), where=scale > 0)
            variances += np.diag(covariance)
            places += 1
    return (squares / places if places else np.ones_like(squares)), variances


def _in_turn(likeness: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """For each channel one minus its greatest likeness to another when it goes, not less than for one before it."""
    pairs = likeness.copy()
    np.fill_diagonal(pairs, -1.0)
    score, highest = np.zeros(len(pairs)), 0.0
    alive = np.ones(len(pairs), bool)
    while alive.sum() > 1:
        best = pairs.max(axis=1)
        first = int(best.argmax())
        second = int(pairs[first].argmax())
        gone = min((first, second), key=lambda channel: variance[channel])
        highest = max(highest, 1.0 - best[first])
        score[gone] = highest
        alive[gone] = False
        pairs[gone, :] = pairs[:, gone] = -1.0
    score[alive] = 1.0
    return score
