"""Ranking again and again while channels go, on one compiled model where the criterion can."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kerasprune.criteria.criterion import Ranking
from kerasprune.criteria.score import judged, resolve
from kerasprune.evidence import Evidence, Sampling
from kerasprune.graph import Opened


def ranking(criterion: str | Callable[[Evidence], np.ndarray], opened: Opened, sampling: Sampling) -> Ranking:
    """A function that scores what is left of a model.

    A criterion with a method `under_gain(evidence)`, which returns a `Ranking`, is asked for it: it can compile once
    for all calls. Any other one judges the slimmed model, which is built for every call.

    Args:
        criterion: As in `score`.
        opened: The model.
        sampling: Data that can be read again and again.

    Returns:
        From a gain to scores: +inf for frozen ids, -inf for ids that are gone.
    """
    judge, graph = resolve(criterion), opened.graph
    evidence = Evidence(opened.runs.flat, opened.runs.graph, sampling)
    known = hasattr(judge, "under_gain")
    found = judge.under_gain(evidence) if known else _on_slimmed_models(judge, opened, sampling)

    def scores(gain: np.ndarray) -> np.ndarray:
        values = np.array(found(gain), float)
        values[graph.frozen] = np.inf
        values[gain == 0] = -np.inf
        return values

    return scores


def _on_slimmed_models(judge: Callable, opened: Opened, sampling: Sampling) -> Ranking:
    sampling = replace(sampling, progress=False)

    def scores(gain: np.ndarray) -> np.ndarray:
        keep = opened.graph.complete(gain > 0)
        values = np.full(opened.graph.num_ids, -np.inf)
        values[keep] = judged(opened.cut(keep), judge, sampling)
        return values

    return scores
