"""Making the scores of different groups comparable."""

import numpy as np

from kerasprune.core import ChannelGraph, Registry

NORMALIZATIONS = Registry("normalization")


def normalize(scores: np.ndarray, graph: ChannelGraph, how: str) -> np.ndarray:
    """Divide the scores of every free group by its own scale.

    Args:
        scores: float (num_ids,); +inf is left as it is.
        graph: The groups.
        how: "none", or the scale of a group: the "mean", the "max" or the root mean square ("l2") of its scores' sizes.

    Returns:
        float (num_ids,). A group of zeros stays zero.
    """
    scale_of = NORMALIZATIONS[how]
    scores = scores.astype(float)
    for group in graph.free_groups:
        values = scores[group.ids]
        finite = values[np.isfinite(values)]
        scale = scale_of(np.abs(finite)) if finite.size else 0.0
        if scale > 0:
            scores[group.ids] = values / scale
    return scores


@NORMALIZATIONS.register("none")
def _one(sizes: np.ndarray) -> float:
    return 1.0


@NORMALIZATIONS.register("mean")
def _mean(sizes: np.ndarray) -> float:
    return float(sizes.mean())


@NORMALIZATIONS.register("max")
def _max(sizes: np.ndarray) -> float:
    return float(sizes.max())


@NORMALIZATIONS.register("l2")
def _root_mean_square(sizes: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sizes))))
