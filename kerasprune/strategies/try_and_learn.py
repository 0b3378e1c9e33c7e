"""An agent for each group learns by trying which channels can go."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from kerasprune.core import MEASURES, BudgetError, ChannelGraph, OptionError
from kerasprune.evidence.progress import countdown
from kerasprune.evidence.quality import more_is_better
from kerasprune.report import GroupLearned, Learning
from kerasprune.selection import Budget
from kerasprune.selection.budget import fits
from kerasprune.selection.constraints import Constraints
from kerasprune.strategies.agent import Agent, filters_of
from kerasprune.strategies.channel_units import ChannelUnits
from kerasprune.strategies.journal import Journal, identity, words
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.seeds import fix_seeds
from kerasprune.strategies.strategy import strategy
from kerasprune.strategies.trials import Trials

# From the graph of a model and a keep to what the model costs then, in any unit.
Cost = Callable[[ChannelGraph, np.ndarray], float]


@strategy("try_and_learn")
@dataclass(frozen=True)
class TryAndLearn:
    """Learn group by group which channels can go, by trying, and train in between.

    One agent for each group tries what to keep of it, with masks: nothing is built for a trial, and several run side by
    side. It is rewarded for what it removes as long as the metric does not fall by more than `drop` below that of the
    whole model; of all that it has tried the best is taken out, and `train` is called before the next group. The run
    ends when the budget is met, or with `every_group` after all groups. With `overrides` the width of a group is given,
    and the agent learns which channels.

    Args:
        drop: By how much the metric may fall (b in the paper), before it is trained again: 0.02 of the accuracy is two
            points.
        steps: Steps of learning for each group; fewer where the agent does not try anything else any more.
        trials: Keeps that are tried in a step.
        start: The probability that a channel stays before anything was learned.
        rate: The learning rate of an agent.
        saving: What is rewarded: "group", fewer channels of the group; the name of a measure, for example "flops", less
            of it of the whole model; or a function of the graph and a keep that returns the cost, such as a latency.
        every_group: Whether all groups get their agent, though the budget is met before.
        metric: As in `Serial`.
        validation: What the metric is measured on; None for the data of `compress`.
        memory: MiB that the trials may hold beside data and model.
        path: An `.npz` file in which the run is kept after every group. If it exists, the run goes on from there.

    Raises:
        OptionError: An option is out of range.
        BudgetError: All groups are through and the budget is not met.

    Reference:
        Huang, Zhou, You and Neumann, Learning to Prune Filters in Convolutional Neural Networks, WACV 2018, arXiv
        1801.07365: the reward is `(b - (p - p_hat)) / b * log(N / C)`.

    Example:

    >>> learn = TryAndLearn(drop=0.5, steps=3, trials=2)
    >>> found = compress(model, Budget(channels=0.95), strategy=learn, data=(x, y)).record
    >>> found.groups[0].name
    'first'
    """

    drop: float = 0.02
    steps: int = 60
    trials: int = 8
    start: float = 0.9
    rate: float = 0.005
    saving: str | Cost = "group"
    every_group: bool = False
    metric: str | keras.metrics.Metric | None = None
    validation: Any = None
    memory: float = 256
    path: str | os.PathLike | None = None

    defaults: ClassVar[Mapping[str, Any]] = {"criterion": "magnitude", "recover": (), "round_to": 1}

    def __post_init__(self):
        if isinstance(self.saving, str) and self.saving != "group":
            MEASURES[self.saving]
        for name in ("steps", "trials"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1 + (name == "trials"):
                least = 1 + (name == "trials")
                raise OptionError(f"`{name}` must be a whole number of at least {least}. Received: {name}={value!r}.")
        for name in ("drop", "rate", "memory"):
            if not getattr(self, name) > 0:
                raise OptionError(f"`{name}` must be above 0. Received: {name}={getattr(self, name)!r}.")
        if not 0 < self.start < 1:
            raise OptionError(f"`start` must be between 0 and 1. Received: start={self.start!r}.")

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in ("drop", "steps", "trials", "start", "rate", "every_group")}
        given |= {"saving": words(self.saving), "metric": getattr(self.metric, "name", self.metric)}
        return f"TryAndLearn({', '.join(f'{key}={value!r}' for key, value in given.items())})"

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        lessons = _Lessons(self, rounds, budget)
        done = lessons.begin()
        with countdown("trying and learning", rounds.sampling.progress) as advance:
            for now in lessons.go_on(done):
                done = now
                lessons.journal.write(*lessons.packed(done))
                last = done.learned[-1]
                advance(len(done.learned) / lessons.count, f"{last.name}: {last.before} -> {last.after}")
        lessons.require_budget(done.state)
        return replace(done.state, record=Learning(lessons.metric, self.drop, done.value, done.learned))


@dataclass(frozen=True, eq=False)
class _Taught:
    """How far a run has come: the model, the metric of the whole one, and what was learned."""

    state: State
    value: float
    learned: tuple[GroupLearned, ...] = ()


class _Lessons:
    """One run of `TryAndLearn`."""

    def __init__(self, options: TryAndLearn, rounds: Rounds, budget: Budget):
        self.options, self.rounds, self.budget = options, rounds, budget
        self.graph, self.limits = rounds.graph, budget.limits(rounds.graph)
        self.units = ChannelUnits(rounds, budget)
        self.count = len(self.graph.free_groups)
        validation = rounds.sampling.data if options.validation is None else options.validation
        self.sampling = replace(rounds.sampling, data=validation, progress=False)
        self.metric = ""
        self.journal = Journal(options.path, {"options": str(options), "budget": str(budget), **identity(rounds)})

    def begin(self) -> _Taught:
        """The whole model, or where an interrupted run has come to."""
        start = self.units.start()
        trials = Trials(start.opened, self.sampling, self.options.metric)
        self.metric, self.sign = trials.metric.name, 1 if more_is_better(trials.metric.name, trials.metric) else -1
        read = self.journal.read()
        if read is None:
            return _Taught(start, trials.value(self.graph.keep_all()))
        content, arrays = read
        learned = tuple(GroupLearned(**{**one, "rewards": tuple(one["rewards"])}) for one in content["learned"])
        return _Taught(self.units.unpacked(content, arrays), content["value"], learned)

    def go_on(self, done: _Taught) -> Iterator[_Taught]:
        """What is done after every group, until the budget is met."""
        for number in range(len(done.learned), self.count):
            met = fits(self.graph, self.units.kept(done.state), self.limits)
            if met and not self.options.every_group:
                return
            done = self._group(done, number)
            yield done

    def require_budget(self, state: State) -> None:
        keep = self.units.kept(state)
        if not fits(self.graph, keep, self.limits):
            reached = ", ".join(
                f"{name}={100 * MEASURES[name].value(self.graph, keep) / MEASURES[name].value(self.graph):.1f} %"
                for name in self.limits
            )
            raise BudgetError(
                f"All groups are through, and the budget {self.budget} is not met: {reached} is left. Allow a larger "
                f"`drop`, train for longer in between, or raise the budget. Received: drop={self.options.drop:g}."
            )

    def packed(self, done: _Taught) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the journal holds."""
        content, arrays = self.units.packed(done.state)
        return {**content, "value": done.value, "learned": [asdict(one) for one in done.learned]}, arrays

    def _group(self, done: _Taught, number: int) -> _Taught:
        """Learn about one group, take out what is best, and train."""
        group, seed = self.graph.free_groups[number], self.rounds.sampling.seed
        lesson = _Lesson(self, done, number)
        learned, keep = lesson.learn(np.random.default_rng([seed, number]))
        state = done.state
        if not keep.all():
            kept = self.units.kept(state)
            kept[group.ids] = keep
            state = self.units.cut(state, kept)
            fix_seeds(seed, number)
            state = self.rounds.train(state)
        tuned = Trials(state.opened, self.sampling, self.options.metric).value(state.graph.keep_all())
        return _Taught(state, done.value, (*done.learned, replace(learned, tuned=tuned)))


class _Lesson:
    """What one agent tries, and what it is rewarded with."""

    def __init__(self, lessons: _Lessons, done: _Taught, number: int):
        self.lessons, self.options, self.whole = lessons, lessons.options, done.value
        self.state, self.group = done.state, lessons.graph.free_groups[number]
        self.here = np.flatnonzero(np.isin(done.state.origin, self.group.ids))
        self.number = next(
            place for place, free in enumerate(done.state.graph.free_groups) if np.isin(self.here, free.ids).all()
        )
        self.trials = Trials(
            done.state.opened, lessons.sampling, self.options.metric, [self.number], self.options.memory
        )
        self.known: dict[bytes, tuple[float, float]] = {}
        selection = {name: value for name, value in lessons.rounds.selection.items() if name != "ranking"}
        scores = np.where(lessons.graph.frozen, np.inf, 0.0)
        self.leeway = Constraints(**selection).leeways(lessons.graph, scores)[number]

    def learn(self, rng: np.random.Generator) -> tuple[GroupLearned, np.ndarray]:
        """The best keep, bool (channels,), and how it was found."""
        options, width = self.options, self.group.width
        widths = self.leeway.widths
        if widths == [width]:
            everything = np.ones(width, bool)
            value = self._outcomes(everything[None])[1][0]
            return GroupLearned(self.group.name, width, width, (), 0.0, float(value), float(value)), everything
        fix_seeds(self.lessons.rounds.sampling.seed, self.number, 1)
        model = self.state.opened.runs
        agent = Agent(filters_of(model.flat, model.graph, self.here), options.start, options.rate)
        best, rewards = (-math.inf, 0.0, np.ones(width, bool)), []
        for _ in range(options.steps):
            logits = agent.logits()
            actions = np.stack([tried(logits, rng, widths) for _ in range(options.trials)])
            found, values = self._outcomes(actions)
            rewards.append(float(found.mean()))
            first = int(found.argmax())
            if found[first] > best[0]:
                best = (float(found[first]), float(values[first]), actions[first])
            if (actions == actions[0]).all():  # it has made up its mind
                break
            agent.learn(actions, found)
        if best[0] <= 0 and width in widths:
            best = (0.0, self._outcomes(np.ones((1, width), bool))[1][0], np.ones(width, bool))
        reward, value, keep = best
        value = float(value)
        return GroupLearned(self.group.name, width, int(keep.sum()), tuple(rewards), reward, value, value), keep

    def _outcomes(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The reward and the metric of each action; what was tried before is remembered."""
        new = list({action.tobytes(): action for action in actions if action.tobytes() not in self.known}.values())
        if new:
            (found,) = self.trials.of_groups([(self.number, np.stack(new))])
            for action, value in zip(new, found.value, strict=True):
                self.known[action.tobytes()] = (self._reward(action, value), float(value))
        rewards, values = zip(*(self.known[action.tobytes()] for action in actions), strict=True)
        return np.array(rewards), np.array(values)

    def _reward(self, action: np.ndarray, value: float) -> float:
        """The accuracy term times the logarithm of how many times less is left."""
        drop = self.lessons.sign * (self.whole - value)
        return float((self.options.drop - drop) / self.options.drop * math.log(self._times_less(action)))

    def _times_less(self, action: np.ndarray) -> float:
        if self.options.saving == "group":
            return len(action) / action.sum()
        graph, keep = self.state.graph, self.state.graph.keep_all()
        cost = MEASURES[self.options.saving].value if isinstance(self.options.saving, str) else self.options.saving
        whole = cost(graph, keep)
        keep[self.here] = action
        return whole / cost(graph, keep)


def tried(logits: np.ndarray, rng: np.random.Generator, widths: list[int]) -> np.ndarray:
    """What stays in a trial: each channel by its own probability, and then so many more or fewer as are allowed.

    Args:
        logits: float (channels,), the logarithm of the odds that each stays.
        rng: Draws.
        widths: The numbers that may be left, falling.
    """
    drawn = logits + rng.logistic(size=len(logits))  # above zero with the probability of each channel
    count = allowed(int((drawn > 0).sum()), rng, widths)
    keep = np.zeros(len(logits), bool)
    keep[np.argsort(-drawn, kind="stable")[:count]] = True
    return keep


def allowed(count: int, rng: np.random.Generator, widths: list[int]) -> int:
    """A width that is allowed: of the next ones above and below, each the more often the nearer it is."""
    above = min((width for width in widths if width >= count), default=widths[0])
    below = max((width for width in widths if width <= count), default=above)
    return above if above == below or rng.random() * (above - below) < count - below else below
