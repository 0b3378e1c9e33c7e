"""No evidence at all: the baseline that every criterion must beat."""

from dataclasses import dataclass

import numpy as np

from kerasprune.criteria.criterion import criterion
from kerasprune.evidence.evidence import Evidence


@criterion("random")
@dataclass(frozen=True)
class Random:
    """Uniform in [0, 1), drawn with the seed of the evidence."""

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return np.random.default_rng(evidence.seed).random(evidence.graph.num_ids)
