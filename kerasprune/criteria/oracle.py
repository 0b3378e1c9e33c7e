"""The exact change of the loss, by trying."""

from dataclasses import dataclass, replace

import numpy as np

from kerasprune.core import OptionError
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.evidence import Ablation, Probe
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.progress import tracked


@criterion("oracle")
@dataclass(frozen=True)
class Oracle:
    """By how much the mean loss rises when a channel reads zero.

    The network does not run once for every channel: what lies before the channel is held, what a layer makes of it is
    subtracted from what the layer makes of all, and only what follows runs, for several channels at a time; where the
    loss is no sum over samples, or layers add to it, the network does run once for every channel. Needs data
    with labels, and a loss; the data is held in memory, so give a `limit` for a large one. A channel whose removal
    lowers the loss has a negative score. A channel that is read only inside the layer that makes it, as in attention,
    gets +inf and stays.

    Args:
        memory: MiB that may be held beside the data and the model.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465 ("brute force").
    """

    memory: float = 256

    def __post_init__(self):
        if not self.memory > 0:
            raise OptionError(f"`memory` must be a number of MiB above 0. Received: memory={self.memory!r}.")

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        graph, probe = evidence.graph, evidence.probe
        sampling = replace(evidence.sampling, data=list(evidence.sampling.batches()), limit=None)
        probe.require_finite(sampling.data)
        ablation = Ablation(evidence.model, graph, sampling, memory=self.memory, chosen=probe.chosen)

        def scores(gain: np.ndarray) -> np.ndarray:
            candidates = np.flatnonzero(~graph.frozen & ~probe.unseen & (gain > 0))
            values = np.full(graph.num_ids, np.inf)
            if ablation.separable:
                values[candidates] = ablation(gain, candidates, evidence.progress)
            else:
                values[candidates] = one_by_one(evidence, sampling.data, gain, candidates)
            return values

        return scores


def one_by_one(evidence: Evidence, data: list, gain: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """As `Ablation`, for losses that are more than a sum over samples: the whole network, once for every candidate."""
    probe = Probe(evidence.model, evidence.graph, replace(evidence.sampling, progress=False))
    before, changes = probe.mean_loss(data, gain), []
    for candidate in tracked(candidates, "channels", len(candidates), evidence.progress):
        without = gain.copy()
        without[candidate] = 0.0
        changes.append(probe.mean_loss(data, without) - before)
    return np.array(changes)
