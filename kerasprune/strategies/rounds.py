"""One round of pruning: score, select, slim, verify, recover, train."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, OptionError
from kerasprune.core.restrict import restrict
from kerasprune.criteria import score
from kerasprune.graph import runnable
from kerasprune.recoveries import Damage, Recovery, Repair, repair
from kerasprune.report import Step, Trajectory
from kerasprune.selection import Budget, select
from kerasprune.slimming import slim, verify


@dataclass(frozen=True, eq=False)
class State:
    """A model on its way.

    Attributes:
        model: The model as it is now.
        graph: Its graph.
        origin: int (graph.num_ids,), for each of its ids the id in the original graph.
        steps: What was done so far.
        trajectory: The removals one by one, where the strategy took them so.
    """

    model: keras.Model
    graph: ChannelGraph
    origin: np.ndarray
    steps: tuple[Step, ...] = ()
    trajectory: Trajectory | None = None


@dataclass(frozen=True, eq=False)
class Rounds:
    """Does rounds of pruning on behalf of a strategy; see `compress` for the fields."""

    model: keras.Model
    graph: ChannelGraph
    criterion: Any = "magnitude"
    data: Any = None
    train: Callable[[keras.Model], keras.Model | None] | None = None
    verify: bool = True
    recover: tuple[Recovery, ...] = ()
    seed: int = 0
    scoring: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)

    def start(self) -> State:
        """The original model, untouched."""
        return State(self.model, self.graph, np.arange(self.graph.num_ids))

    def scores(self, state: State) -> np.ndarray:
        """Scores of the original ids, judged on the model as it is now: float (num_ids,); -inf = gone already."""
        scores = np.full(self.graph.num_ids, -np.inf)
        scores[state.origin] = score(
            state.model, state.graph, self.criterion, self.data, seed=self.seed, **self.scoring
        )
        return scores

    def select(self, scores: np.ndarray, budget: Budget) -> np.ndarray:
        """What stays of the original model: bool (num_ids,)."""
        return select(self.graph, scores, budget, **self.selection)

    def shrink(self, state: State, budget: Budget) -> State:
        """Rank anew, remove until the budget is met, and train if that is wanted.

        Args:
            state: Where the last round ended.
            budget: The limits, as fractions of the original model.

        Raises:
            BudgetError: The budget cannot be reached.
            VerificationError: The slimmed model is not the masked one.
        """
        keep = self.select(self.scores(state), budget)
        return self.remove(state, keep, budget.limits(self.graph))

    def remove(self, state: State, keep: np.ndarray, target: Mapping[str, float]) -> State:
        """Cut, check, repair and train.

        Args:
            state: Where the last round ended.
            keep: bool (num_ids of the original graph,), what stays of the original model.
            target: What the step was to reach, for the report.

        Raises:
            VerificationError: The slimmed model is not the masked one.
        """
        keep = keep[state.origin]
        small = slim(state.model, state.graph, keep)
        difference = self._verified(state, keep, small) if self.verify else None
        small, repairs = self._recovered(state.origin[keep], small)
        if self.train is not None:
            small = self._trained(small)
        graph, kept = restrict(state.graph, keep)
        step = Step(
            target=target,
            channels=graph.channels(),
            params=round(graph.params()),
            macs=round(graph.macs()),
            difference=difference,
            repairs=repairs,
        )
        return State(small, graph, state.origin[kept], (*state.steps, step))

    def _verified(self, state: State, keep: np.ndarray, small: keras.Model) -> float:
        """Compared on the data where it can be read again, else on random inputs."""
        inputs = None if self.data is None or isinstance(self.data, Iterator) else self.data
        return verify(state.model, state.graph, keep, small, inputs, seed=self.seed)

    def _recovered(self, kept: np.ndarray, small: keras.Model) -> tuple[keras.Model, tuple[Repair, ...]]:
        """What the recoveries make of the smaller model; they compare it with the original."""
        keep = np.zeros(self.graph.num_ids, bool)
        keep[kept] = True
        size, limit = self.scoring.get("batch_size", 32), self.scoring.get("limit")
        repairs: tuple[Repair, ...] = ()
        for recover in self.recover:
            small, done = repair(recover, Damage(self.model, self.graph, keep, small, self.data, size, limit))
            repairs += done
        return small, repairs

    def _trained(self, model: keras.Model) -> keras.Model:
        opened = runnable(model)
        trained = self.train(opened.runs)
        if trained is None:
            return opened.back(opened.runs)
        if not isinstance(trained, keras.Model):
            raise OptionError(
                "`train` must train the model it is given and return None, or return the trained model. "
                f"It returned: {type(trained).__name__}."
            )
        return opened.back(trained)
