"""One channel at a time, without training in between."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from kerasprune.core import MEASURES, BudgetError, DataError, OptionError, require_writable
from kerasprune.criteria import ranking
from kerasprune.evidence import Probe
from kerasprune.evidence.progress import countdown
from kerasprune.evidence.quality import find_metric, more_is_better
from kerasprune.report import Removal, Trajectory
from kerasprune.selection import Budget
from kerasprune.selection.budget import fits
from kerasprune.strategies.journal import fingerprint, other_run, words
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.strategy import strategy


@strategy("serial")
@dataclass(frozen=True)
class Serial:
    """Remove the channel of the lowest score, rank anew, and so on, until the budget is met.

    No model is built on the way: what is gone reads zero. The slimmed model is built at the end. With data that has
    labels, the loss and the accuracy after every removal stand in the trajectory of the result.

    Args:
        rerank: Whether the channels are ranked anew after every removal ("iterative re-ranking"); else the first
            ranking decides all ("single overall ranking").
        max_drop: Stop before the metric gets worse than that of the whole model by more than this: 0.01 of the accuracy
            is one point.
        max_loss: Stop before the mean loss of a sample rises above this.
        max_removals: Stop after so many channels.
        metric: What `max_drop` watches: the name of a metric that the model is compiled with or that Keras has, or a
            `keras.metrics.Metric`, of which less may be better. None for the accuracy, or where the labels name no
            classes for what they do ask for, such as the mean absolute error.
        validation: What loss and accuracy are measured on; None for the data that the channels are ranked by.
        path: A JSON file in which the trajectory is kept after every removal. If it exists, the run goes on from
            there, and ends as if it had not been interrupted.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465, algorithms I and II.

    Example:

    >>> serial = Serial(max_drop=0.01)
    >>> trajectory = compress(model, Budget(channels=0.8), "gauss_newton", serial, data=(x, y)).trajectory
    >>> trajectory.save("serial.json")
    """

    rerank: bool = True
    max_drop: float | None = None
    max_loss: float | None = None
    max_removals: int | None = None
    metric: str | keras.metrics.Metric | None = None
    validation: Any = None
    path: str | os.PathLike | None = None

    defaults: ClassVar[Mapping[str, Any]] = {"criterion": "magnitude", "recover": (), "round_to": 1}

    def __post_init__(self):
        for name in ("max_drop", "max_loss", "max_removals"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise OptionError(f"`{name}` must be a number of at least 0, or None. Received: {name}={value!r}.")
        if self.path is not None:
            require_writable(self.path)  # hours before the first removal is written

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        walk = _Walk(self, rounds, budget)
        trajectory = walk.start()
        with countdown("removing channels", rounds.sampling.progress) as advance:
            for step in walk.steps(trajectory):
                trajectory = step
                if self.path is not None:
                    trajectory.save(self.path)
                advance(walk.progress(trajectory), _words(trajectory))
        state = rounds.remove(rounds.start(), walk.keep(trajectory), budget.limits(rounds.graph))
        return replace(state, record=trajectory)

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in ("rerank", "max_drop", "max_loss", "max_removals")}
        given["metric"] = getattr(self.metric, "name", self.metric)
        return f"Serial({', '.join(f'{name}={value}' for name, value in given.items() if value is not None)})"


class _Walk:
    """One run of `Serial`."""

    def __init__(self, serial: Serial, rounds: Rounds, budget: Budget):
        self.serial, self.rounds, self.graph = serial, rounds, rounds.graph
        self.limits = budget.limits(rounds.graph)
        sampling = replace(rounds.sampling, limit=None, progress=False)
        data = None if rounds.sampling.data is None else list(rounds.sampling.batches())
        given = serial.validation
        self.measured = data if given is None else list(replace(sampling, data=given).batches())
        self.labelled = self.measured is not None and self.measured[0].y is not None
        self.probe = Probe(rounds.opened.runs.flat, rounds.opened.runs.graph, replace(sampling, data=self.measured))
        self.metric = self._watched()
        self.ranking = ranking(rounds.criterion, rounds.opened, replace(sampling, data=data))
        self.order = self.ranking(np.ones(self.graph.num_ids))
        rounds.select(self.order, budget)  # an unreachable budget shall fail before the long part
        self.groups = {int(channel): group.name for group in self.graph.groups for channel in group.ids}

    @property
    def removals_at_most(self) -> int:
        return int((~self.graph.frozen).sum())

    def start(self) -> Trajectory:
        """The whole model, or where an interrupted run has come to."""
        loss, accuracy, value = self._measure(np.ones(self.graph.num_ids))
        if self.serial.max_drop is not None and accuracy is None and value is None:
            raise DataError("`max_drop` needs data with labels.")
        if self.serial.max_loss is not None and loss is None:
            raise DataError("`max_loss` needs data with labels.")
        trajectory = Trajectory(
            criterion=words(self.rounds.criterion),
            rerank=self.serial.rerank,
            candidates=self.removals_at_most,
            loss=loss,
            accuracy=accuracy,
            fingerprint=fingerprint(self.rounds.model),
            metric="" if self.metric is None else self.metric.name,
            value=value,
        )
        if self.serial.path is None or not Path(self.serial.path).exists():
            return trajectory
        found = Trajectory.load(self.serial.path)
        if replace(found, removals=(), loss=loss, accuracy=accuracy, value=value) != trajectory:
            raise other_run(self.serial.path)
        return found

    def steps(self, trajectory: Trajectory) -> Iterator[Trajectory]:
        """The trajectory after every removal, until a limit is met."""
        while not self._done(trajectory):
            keep = self.keep(trajectory)
            gain = keep.astype(float)
            scores = self.ranking(gain) if self.serial.rerank and trajectory.removals else self.order
            scores = np.where(keep, scores, -np.inf)
            try:
                left = self.rounds.select(scores, Budget(channels=self.graph.channels(keep) - 1))
            except BudgetError:  # nothing more can go, and the limits are met only below that
                return
            gone = sorted(np.flatnonzero(keep & ~left), key=lambda channel: scores[channel])
            if not gone:
                return
            found = self._measure(left)
            if self._too_far(trajectory, *found):
                return
            removals = (
                Removal(int(channel), self.groups[int(channel)], float(scores[channel]), *found) for channel in gone
            )
            trajectory = replace(trajectory, removals=(*trajectory.removals, *removals))
            yield trajectory

    def keep(self, trajectory: Trajectory) -> np.ndarray:
        """What is left: bool (num_ids,)."""
        keep = self.graph.keep_all()
        keep[[removal.id for removal in trajectory.removals]] = False
        return keep

    def progress(self, trajectory: Trajectory) -> float:
        """How much of the way to the nearest limit is done, in [0, 1]."""
        keep = self.keep(trajectory)
        shares = [
            (measure.value(self.graph) - measure.value(self.graph, keep)) / (measure.value(self.graph) - limit or 1)
            for measure, limit in ((MEASURES[name], limit) for name, limit in self.limits.items())
        ]
        ways = [min(shares)]
        if self.serial.max_removals:
            ways.append(len(trajectory.removals) / self.serial.max_removals)
        return min(max(ways), 1.0)

    def _done(self, trajectory: Trajectory) -> bool:
        most = self.serial.max_removals
        return fits(self.graph, self.keep(trajectory), self.limits) or (
            most is not None and len(trajectory.removals) >= most
        )

    def _too_far(self, trajectory: Trajectory, loss, accuracy, value) -> bool:
        """Whether a limit of the loss or of the metric is passed."""
        if self.serial.max_loss is not None and loss > self.serial.max_loss:
            return True
        if self.serial.max_drop is None:
            return False
        if self.metric is None:
            return accuracy < trajectory.accuracy - self.serial.max_drop
        worse = trajectory.value - value if more_is_better(self.metric.name, self.metric) else value - trajectory.value
        return worse > self.serial.max_drop

    def _watched(self) -> keras.metrics.Metric | None:
        """The metric beside loss and accuracy, where one is wanted or `max_drop` has no accuracy to watch."""
        if not self.labelled or (self.serial.metric is None and self.serial.max_drop is None):
            return None
        if self.serial.metric is None and self.probe.accuracy(self.measured) is not None:
            return None
        return find_metric(self.probe.model, replace(self.probe.sampling, data=self.measured), self.serial.metric)

    def _measure(self, gain: np.ndarray) -> tuple[float | None, float | None, float | None]:
        """The loss, the accuracy and the metric that is watched, each None where it cannot be told."""
        if not self.labelled:
            return None, None, None
        value = None if self.metric is None else self.probe.metric(self.measured, self.metric, gain)
        return self.probe.mean_loss(self.measured, gain), self.probe.accuracy(self.measured, gain), value


def _words(trajectory: Trajectory) -> str:
    """The last removal in words."""
    last = trajectory.removals[-1]
    loss = "" if last.loss is None else f", loss {last.loss:.4g}"
    accuracy = "" if last.accuracy is None else f", accuracy {100 * last.accuracy:.2f} %"
    return f"{last.group} [{last.id}]{loss}{accuracy}"
