"""Ranking again and again while channels go, on one compiled model where the criterion can."""

from collections.abc import Callable

import numpy as np

from kerasprune.core.restrict import restrict
from kerasprune.criteria.criterion import Ranking
from kerasprune.criteria.score import resolve, score
from kerasprune.evidence.evidence import Evidence
from kerasprune.graph import Rebuild, compile_like


def ranking(criterion: str | Callable[[Evidence], np.ndarray], evidence: Evidence) -> Ranking:
    """A function that scores what is left of a model.

    A criterion with a method `under_gain(evidence)`, which returns a `Ranking`, is asked for it: it can compile once
    for all calls. Any other one judges the slimmed model, which is built for every call.

    Args:
        criterion: As in `score`.
        evidence: The model and data that can be read again and again.

    Returns:
        From a gain to scores: +inf for frozen ids, -inf for ids that are gone.
    """
    judge = resolve(criterion)
    found = judge.under_gain(evidence) if hasattr(judge, "under_gain") else _on_slimmed_models(judge, evidence)

    def scores(gain: np.ndarray) -> np.ndarray:
        values = np.array(found(gain), float)
        values[evidence.graph.frozen] = np.inf
        values[gain == 0] = -np.inf
        return values

    return scores


def _on_slimmed_models(judge: Callable, evidence: Evidence) -> Ranking:
    def scores(gain: np.ndarray) -> np.ndarray:
        keep = evidence.graph.complete(gain > 0)
        small = Rebuild(evidence.graph, keep).run(evidence.model)
        compile_like(small, evidence.model)
        graph, origin = restrict(evidence.graph, keep)
        values = np.full(evidence.graph.num_ids, -np.inf)
        values[origin] = score(
            small,
            graph,
            judge,
            evidence.data,
            loss=evidence.loss,
            batch_size=evidence.batch_size,
            limit=evidence.limit,
            seed=evidence.seed,
        )
        return values

    return scores
