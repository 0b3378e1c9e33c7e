"""Search the width of every group for the best model within a budget."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError, OptionError
from kerasprune.evidence.progress import countdown
from kerasprune.evidence.quality import more_is_better
from kerasprune.selection import Budget
from kerasprune.selection.budget import fits
from kerasprune.selection.constraints import Constraints, Leeway
from kerasprune.strategies.journal import identity, other_run
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.sensitivity import POINTS, of_channels
from kerasprune.strategies.strategy import strategy
from kerasprune.strategies.trials import Trials

LEAST = 0.02  # of the wishes for a group, before they are brought within the budget


@dataclass(frozen=True)
class SearchedWidths:
    """The record of `WidthSearch`.

    Attributes:
        metric: The name of the metric.
        whole: What it is of the whole model.
        tried: What every trial of the study came to, in its order.
        widths: By the group, how many channels of it the best trial has.
        best: The metric of that.
    """

    metric: str
    whole: float
    tried: tuple[float, ...]
    widths: Mapping[str, int]
    best: float


@strategy("width_search")
@dataclass(frozen=True)
class WidthSearch:
    """Search the width of every group with Optuna's tree-structured Parzen estimator, then cut once.

    A trial wishes for a share of each group; all shares are then multiplied by the one factor with which the budget is
    just met, and the metric of the masked model is measured. The first trials are what is known: a sensitivity scan
    says at which widths all groups cost the same rise of the loss; equal shares; the widths of `select`. Needs Optuna:
    `pip install 'kerasprune[search]'`.

    Args:
        trials: How many trials the study shall have; those that it has already count.
        warm: Whether the scan is made.
        metric: As in `Serial`.
        validation: What is measured on, data with labels; None for the data of `compress`.
        cost: A function of the graph and a keep, for example a latency that is measured; the more channels, the more.
        limit: What that may be at most, beside the budget.
        storage: Where the study is kept: an address such as "sqlite:///widths.db", a file that is a journal, or a
            storage of Optuna. None keeps it in memory. A run that finds a study goes on with it, and several processes
            on one or more machines can work on one study at a time; each then draws in its own way.
        study_name: Its name there.

    Raises:
        OptionError: An option is out of range, or Optuna is missing.
        DataError: The study is that of another model or budget.

    Reference:
        Bergstra, Bardenet, Bengio and Kegl, Algorithms for Hyper-Parameter Optimization, NeurIPS 2011.

    Example:

    >>> search = WidthSearch(trials=4)
    >>> found = compress(model, Budget(flops=0.6), strategy=search, data=(x, y)).record
    >>> sorted(found.widths), len(found.tried)
    (['first', 'hidden', 'third'], 4)
    """

    trials: int = 50
    warm: bool = True
    metric: str | keras.metrics.Metric | None = None
    validation: Any = None
    cost: Callable[[ChannelGraph, np.ndarray], float] | None = None
    limit: float | None = None
    storage: Any = None
    study_name: str = "width_search"

    defaults: ClassVar[Mapping[str, Any]] = {"criterion": "taylor"}

    def __post_init__(self):
        if not isinstance(self.trials, int) or self.trials < 1:
            raise OptionError(f"`trials` must be a whole number of at least 1. Received: trials={self.trials!r}.")
        if (self.cost is None) != (self.limit is None):
            raise OptionError(f"`cost` and `limit` go together. Received: cost={self.cost!r}, limit={self.limit!r}.")

    def __str__(self) -> str:
        metric = getattr(self.metric, "name", self.metric)
        return f"WidthSearch(trials={self.trials}, warm={self.warm}, metric={metric!r}, limit={self.limit!r})"

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        optuna = _optuna()
        with _silent(optuna):
            return self._found(optuna, rounds, budget)

    def _found(self, optuna, rounds: Rounds, budget: Budget) -> State:
        search = _WidthStudy(optuna, self, rounds, budget)
        with countdown("searching widths", rounds.sampling.progress) as advance:
            for value in search.go_on():
                advance(search.finished / self.trials, f"{search.trials.metric.name} {value:.4f}")
        widths, best = search.best()
        state = rounds.remove(search.start, search.keep(widths), search.limits)
        named = {leeway.group.name: width for leeway, width in zip(search.leeways, widths, strict=True)}
        return replace(state, record=SearchedWidths(search.trials.metric.name, search.whole, search.tried, named, best))


class _WidthStudy:
    """One run of `WidthSearch`."""

    def __init__(self, optuna, options: WidthSearch, rounds: Rounds, budget: Budget):
        self.optuna = optuna
        self.options, self.rounds, self.graph = options, rounds, rounds.graph
        self.limits = budget.limits(rounds.graph)
        self.start = rounds.start()
        self.scores = rounds.scores(self.start)
        self.selected = rounds.select(self.scores, budget)  # one that cannot be reached shall fail at once
        selection = {name: value for name, value in rounds.selection.items() if name != "ranking"}
        self.leeways: list[Leeway] = Constraints(**selection).leeways(rounds.graph, self.scores)
        data = rounds.sampling.data if options.validation is None else options.validation
        sampling = replace(rounds.sampling, data=data, progress=False)
        self.trials = Trials(self.start.opened, sampling, options.metric)
        self.whole = self.trials.value(self.graph.keep_all())
        run = {**identity(rounds), "budget": str(budget), "limit": options.limit, "metric": self.trials.metric.name}
        self.study = self._study({name: str(value) for name, value in run.items()})

    def go_on(self) -> Iterator[float]:
        """The metric of every trial that is made here."""
        if not self.study.trials:
            for wishes in self._known():
                self.study.enqueue_trial(dict(zip(self._names, wishes, strict=True)), skip_if_exists=True)
        while self.finished < self.options.trials:
            trial = self.study.ask()
            wishes = [trial.suggest_float(name, LEAST, 1.0) for name in self._names]
            widths = self.within(wishes)
            value = self.trials.value(self.keep(widths))
            if not math.isfinite(value):
                raise DataError(
                    f"The metric {self.trials.metric.name!r} is not finite. Check the data, or name another."
                )
            trial.set_user_attr("widths", widths)
            self.study.tell(trial, value)
            yield value

    @property
    def finished(self) -> int:
        """How many trials of the study are over, whoever made them."""
        return len(self._over())

    @property
    def tried(self) -> tuple[float, ...]:
        """What they came to."""
        return tuple(float(trial.value) for trial in self._over())

    def best(self) -> tuple[list[int], float]:
        """The widths of the best trial, and what it came to."""
        trial = self.study.best_trial
        return list(trial.user_attrs["widths"]), float(trial.value)

    def keep(self, widths: Sequence[int]) -> np.ndarray:
        """The channels that are worth most, so many of each group: bool (num_ids,)."""
        keep = self.graph.keep_all()
        for leeway, width in zip(self.leeways, widths, strict=True):
            keep[leeway.order[: leeway.group.width - width]] = False
        return keep

    def within(self, wishes: Sequence[float]) -> list[int]:
        """The largest widths in these proportions that are within the budget."""
        return self._largest(lambda factor: [min(1.0, wish * factor) for wish in wishes], 1 / min(wishes, default=1.0))

    def _largest(self, shares: Callable[[float], Sequence[float]], most: float) -> list[int]:
        """The widths at the largest number, up to `most`, whose shares are within the budget; found by halving."""
        low, high = 0.0, most
        if self._fits(self._widths(shares(high))):
            return self._widths(shares(high))
        for _ in range(12 if self.options.cost else 40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(self._widths(shares(middle))) else (low, middle)
        return self._widths(shares(low))

    def _widths(self, shares: Sequence[float]) -> list[int]:
        """The largest widths that are allowed and no more than these shares; else the smallest."""
        return [
            next((width for width in leeway.widths if width <= share * leeway.group.width + 1e-9), leeway.widths[-1])
            for leeway, share in zip(self.leeways, shares, strict=True)
        ]

    def _fits(self, widths: Sequence[int]) -> bool:
        keep, cost, limit = self.keep(widths), self.options.cost, self.options.limit
        return fits(self.graph, keep, self.limits) and (
            cost is None or limit is None or cost(self.graph, keep) <= limit
        )

    def _known(self) -> Iterator[list[float]]:
        """Shares that are worth trying first."""
        groups = [leeway.group for leeway in self.leeways]
        if self.options.warm and groups:
            scan = of_channels(
                self.start.opened, self.trials.sampling, self.trials.metric, POINTS, self.rounds.criterion
            )
            most = max(max(curve.loss) - curve.loss[0] for curve in scan.curves)
            # A larger number shall leave more: a smaller rise of the loss.
            widths = self._largest(lambda near: [curve.least_share(most * (1 - near)) for curve in scan.curves], 1.0)
            yield self._wishes(widths)
        yield [1.0] * len(groups)
        yield self._wishes([int(self.selected[group.ids].sum()) for group in groups])

    def _wishes(self, widths: Sequence[int]) -> list[float]:
        return [
            min(1.0, max(LEAST, width / leeway.group.width)) for leeway, width in zip(self.leeways, widths, strict=True)
        ]

    @property
    def _names(self) -> list[str]:
        return [leeway.group.name for leeway in self.leeways]

    def _over(self) -> list:
        return self.study.get_trials(deepcopy=False, states=(self.optuna.trial.TrialState.COMPLETE,))

    def _study(self, run: Mapping[str, str]):
        """The study, new or found."""
        optuna, options = self.optuna, self.options
        shared = options.storage is not None
        seeds = [self.rounds.sampling.seed, *([os.getpid()] if shared else [])]
        sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence(seeds).generate_state(1)[0]), constant_liar=shared
        )
        metric = self.trials.metric
        study = optuna.create_study(
            storage=_storage(optuna, options.storage),
            sampler=sampler,
            study_name=options.study_name,
            direction="maximize" if more_is_better(metric.name, metric) else "minimize",
            load_if_exists=True,
        )
        found = study.user_attrs.get("run")
        if found is None:
            study.set_user_attr("run", dict(run))
        elif found != run:
            raise other_run(f"study {options.study_name} in {options.storage}")
        return study


def _optuna():
    """The library.

    Raises:
        OptionError: It is not installed.
    """
    try:
        import optuna  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise OptionError("'width_search' needs Optuna; install it: pip install 'kerasprune[search]'.") from error
    return optuna


@contextlib.contextmanager
def _silent(optuna) -> Iterator[None]:
    """Let Optuna log nothing but warnings for a while."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _storage(optuna, given: Any):
    """Where a study is kept, as Optuna takes it."""
    if not isinstance(given, (str, os.PathLike)) or "://" in str(given):
        return given
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(os.fspath(given)))
