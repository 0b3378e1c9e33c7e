"""One round of pruning in steps that strategies compose: rank, select, cut, check, repair, train."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, cut
from kerasprune.criteria.score import judged, resolve
from kerasprune.evidence import Sampling
from kerasprune.graph import Opened, compile_like, operations
from kerasprune.recoveries import Damage, Recovery, Repair, repair
from kerasprune.report import Step
from kerasprune.selection import Budget, select
from kerasprune.selection.tiles import AUTO
from kerasprune.slimming.verify import check_opened, compare, samples_for
from kerasprune.strategies.judgement import Judgement
from kerasprune.strategies.latency_search import LatencySearch
from kerasprune.strategies.training import trained_by
from kerasprune.training import Distill, Lesson, lesson


@dataclass(frozen=True, eq=False)
class State:
    """A model on its way; what is done to it gives a new one.

    Attributes:
        opened: The model as it is now.
        origin: int (num_ids of the model now,), for each of its ids the id in the original graph.
        steps: What was done so far; the last one is filled in while its round goes on.
        record: What the strategy has to say about the way, in a form of its own; None if nothing.
    """

    opened: Opened
    origin: np.ndarray
    steps: tuple[Step, ...] = ()
    record: Any = None

    @property
    def model(self) -> keras.Model:
        """The model as it is now."""
        return self.opened.model

    @property
    def graph(self) -> ChannelGraph:
        """Its graph."""
        return self.opened.graph

    def noted(self, **values) -> "State":
        """The same with other values in the last of the steps."""
        return replace(self, steps=(*self.steps[:-1], replace(self.steps[-1], **values)))


@dataclass(frozen=True, eq=False)
class Rounds:
    """The steps of a round of pruning, for a strategy to put together; see `compress` for the fields.

    Every step takes a `State` and returns the next one: `cut`, `check`, `repair`, `train`. `remove` is one of each,
    `shrink` ranks and selects before. With a `judge`, the model is measured after each of the four that does something.
    """

    opened: Opened
    criterion: Any = "magnitude"
    sampling: Sampling = Sampling()
    trainer: Callable[..., keras.Model | None] | None = None
    distill: Distill | None = None
    verify: bool = True
    recover: tuple[Recovery, ...] = ()
    selection: Mapping[str, Any] = field(default_factory=dict)
    latency: LatencySearch | None = None
    judge: Judgement = Judgement()

    @property
    def model(self) -> keras.Model:
        """The original model, with the weights that it had at the start."""
        return self.opened.flat

    @property
    def graph(self) -> ChannelGraph:
        """Its graph."""
        return self.opened.graph

    def start(self) -> State:
        """The original model, untouched.

        Raises:
            VerificationError: It had to be taken apart, and its parts do not compute what it does.
        """
        if self.verify:
            check_opened(self.opened, self.samples(self.opened))
        plain = self.opened.changed(self.opened.flat)
        return State(plain, np.arange(self.graph.num_ids))

    def initial_weights(self, state: State) -> dict[str, list[np.ndarray]]:
        """What the weights of the model now were at the start: by the path of a layer, for `set_weights`."""
        labels = {(weight.layer, weight.index): weight.axes for weight in self.graph.weights}
        keep = self._kept(state)
        return {
            path: [
                cut(keras.ops.convert_to_numpy(weight), labels.get((path, index), ()), keep)
                for index, weight in enumerate(layer.weights)
            ]
            for path, layer in operations(self.model).items()
            if getattr(layer, "weights", ())
        }

    def scores(self, state: State) -> np.ndarray:
        """Scores of the original ids, judged on the model as it is now: float (num_ids,); -inf = gone already."""
        scores = np.full(self.graph.num_ids, -np.inf)
        scores[state.origin] = judged(state.opened, resolve(self.criterion), self.sampling)
        return scores

    def select(self, scores: np.ndarray, budget: Budget) -> np.ndarray:
        """What stays of the original model: bool (num_ids,)."""
        if self.latency is not None and (budget.latency is not None or self.selection.get("round_to") == AUTO):
            return self.latency.select(scores, budget, self.selection)
        return select(self.graph, scores, budget, **self.selection)

    def target(self, budget: Budget) -> dict[str, float]:
        """What a step is to reach, for the report: absolute numbers, and of the latency a fraction."""
        timed = {} if budget.latency is None else {"latency": float(budget.latency)}
        return {**budget.counted_limits(self.graph), **timed}

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
        return self.remove(state, keep, self.target(budget))

    def remove(self, state: State, keep: np.ndarray, target: Mapping[str, float]) -> State:
        """Cut, check, repair and train; see these."""
        state = self.measure(self.check(state, self.cut(state, keep, target)), "cut")
        if self.recover:
            state = self.measure(self.repair(state), "repaired")
        return state if self.trainer is None else self.measure(self.train(state), "trained")

    def measure(self, state: State, stage: str) -> State:
        """Note how good the model is after a stage of the round, where that can be measured."""
        found = self.judge.values(state.opened)
        return state.noted(quality={**state.steps[-1].quality, stage: found}) if found else state

    def cut(self, state: State, keep: np.ndarray, target: Mapping[str, float]) -> State:
        """Take channels out of the model.

        Args:
            state: Where the last round ended.
            keep: bool (num_ids of the original graph,), what stays of the original model.
            target: What the step was to reach, for the report.
        """
        keep = state.graph.complete(keep[state.origin])
        opened = state.opened.cut(keep)
        step = Step.of(opened.graph, target)
        return replace(state, opened=opened, origin=state.origin[keep], steps=(*state.steps, step))

    def check(self, before: State, after: State) -> State:
        """Compare a model that was cut with the masked one, where that is wanted.

        On the data where there is some, else on random inputs.

        Raises:
            VerificationError: They differ.
        """
        if not self.verify:
            return after
        keep = np.isin(before.origin, after.origin)
        return after.noted(difference=compare(before.opened, keep, after.opened.runs.flat, self.samples(before.opened)))

    def repair(self, state: State) -> State:
        """Let the recoveries, one after the other, give back what cuts have taken of the original model."""
        repairs: tuple[Repair, ...] = ()
        for recover in self.recover:
            damage = Damage(self.opened, self._kept(state), state.opened, self.sampling)
            model, done = repair(recover, damage)
            state, repairs = replace(state, opened=state.opened.changed(model)), repairs + done
        return state.noted(repairs=repairs)

    def train(self, state: State, **span: int) -> State:
        """Let the user train the model, where that is wanted; see `trained`."""
        if self.trainer is None:
            return state
        trained = self.trained(state.opened.trains, self._kept(state), **span)
        return replace(state, opened=state.opened.changed(state.opened.back(trained)))

    def trained(self, given: keras.Model, keep: np.ndarray | None = None, **span: int) -> keras.Model:
        """What the user's training makes of a model, with the original one as its teacher, where that is wanted.

        Args:
            given: A model that the backend can run; it is the result where nothing is to be trained.
            keep: bool (num_ids,), what it has of the original model; None if it is as large.
            **span: `start`, the step that training begins with, and `stop`, the one that it ends before, where it is
                not all of it.

        Raises:
            DataError: See `trained_by`.
            OptionError: See there.
        """
        if self.trainer is None:
            return given
        taught = given if self._lesson is None else self._lesson.pupil(given, keep)
        trained = trained_by(functools.partial(self.trainer, **span), taught, given)
        if trained is taught and taught is not given:
            compile_like(given, taught)
            return given
        return trained

    @functools.cached_property
    def _lesson(self) -> Lesson | None:
        """The original model as a teacher."""
        return None if self.distill is None else lesson(self.distill, self.opened)

    def _kept(self, state: State) -> np.ndarray:
        """What is left of the original model: bool (num_ids,)."""
        keep = np.zeros(self.graph.num_ids, bool)
        keep[state.origin] = True
        return keep

    def samples(self, opened: Opened):
        """Inputs on which a model is compared with another one: of the data, or random where there is none."""
        return samples_for(opened, self.sampling.data, self.sampling.seed)
