"""The exact change of the loss, by trying."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.core import DataError, batches
from kerasprune.criteria.evidence import Evidence
from kerasprune.criteria.probe import Probe
from kerasprune.criteria.progress import tracked
from kerasprune.criteria.registry import Ranking, criterion


@criterion("oracle")
@dataclass(frozen=True)
class Oracle:
    """By how much the mean loss rises when a channel reads zero: one pass over the data for every channel.

    All passes share one compiled model. Needs data with labels, and a loss; the data is held in memory, so give a
    `limit` for a large one. A channel whose removal lowers the loss has a negative score. A channel that is read only
    inside the layer that makes it, as in attention, gets +inf and stays.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465 ("brute force").
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        data = list(batches(evidence.data, evidence.batch_size, limit=evidence.limit))
        quiet = Probe(evidence.model, evidence.graph, loss=evidence.loss, batch_size=evidence.batch_size)
        quiet.require_finite(data)

        def scores(gain: np.ndarray) -> np.ndarray:
            candidates = np.flatnonzero(~evidence.graph.frozen & ~quiet.unseen & (gain > 0))
            values = np.full(evidence.graph.num_ids, np.inf)
            tries = tracked(candidates, "channels", len(candidates), evidence.progress)
            values[candidates] = exact_change(quiet, data, tries, gain)
            return values

        return scores


def exact_change(probe: Probe, data: Any, candidates, gain: np.ndarray | None = None) -> np.ndarray:
    """The change of the mean loss when each of the candidates alone reads zero.

    Args:
        probe: Runs the model.
        data: Data with labels that can be read again and again: arrays or a list of batches.
        candidates: The ids to try.
        gain: float (num_ids,), 0 for channels that are gone already; None for none.

    Returns:
        float (candidates,).

    Raises:
        DataError: The loss is not finite, or the data does not fit.
    """
    gain = np.ones(probe.graph.num_ids) if gain is None else np.asarray(gain, float)
    before = _finite(probe.mean_loss(data, gain))
    changes = []
    for candidate in candidates:
        without = gain.copy()
        without[candidate] = 0.0
        changes.append(_finite(probe.mean_loss(data, without)) - before)
    return np.array(changes)


def _finite(loss: float) -> float:
    if not np.isfinite(loss):
        raise DataError(f"The loss is not finite: NaN or infinity. Check weights, labels and loss. Received: {loss}.")
    return loss
