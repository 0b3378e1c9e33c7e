"""How much a model feels the loss of the least of each of its parts, cut alone and not trained."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, OptionError, Registry, quiet
from kerasprune.criteria.score import judged, resolve
from kerasprune.evidence import Sampling, Weighing
from kerasprune.evidence.chosen_loss import find_loss
from kerasprune.evidence.progress import tracked
from kerasprune.evidence.quality import find_metric, more_is_better
from kerasprune.graph import Opened, operations
from kerasprune.report import Curve, Sensitivity
from kerasprune.strategies.journal import words
from kerasprune.strategies.trials import Trials
from kerasprune.strategies.weight_units import Kernel, kernels

POINTS = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)

# From a model, data, a metric, points and a criterion to the curves, loss and metric of the whole model.
SCANS = Registry("part that a scan cuts")


def sensitivity(
    model: keras.Model,
    data: Any,
    criterion: str | Callable | None = None,
    *,
    of: str = "channels",
    points: Sequence[float] = POINTS,
    metric: str | keras.metrics.Metric | None = None,
    loss: Any = None,
    batch_size: int = 32,
    limit: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Sensitivity:
    """Measure loss and metric against what is kept of each group of channels, or of each kernel, cut alone.

    Channels that live and die together are one group and go together; what reads them reads zero, as in the slimmed
    model. No model is built for a point: what lies before a group runs once for all its points, which run side by side.

    Args:
        model: The model; it is not touched.
        data: Data with labels, as in `score`.
        criterion: What is ranked by inside a group: the name of a criterion, or an object. None is "taylor", and for
            single weights "magnitude", which they only know.
        of: What is cut: "channels", or "weights", single ones of each kernel.
        points: The fractions of a part that are kept, falling; at least one channel of each group stays.
        metric: What is measured beside the loss: as in `Serial`; None for what outputs and labels ask for, the accuracy
            where these are classes.
        loss: As in `score`.
        batch_size: As in `score`.
        limit: As in `score`.
        seed: As in `score`.
        progress: Whether to show progress bars.

    Returns:
        The curves, which can be printed, saved and drawn.

    Raises:
        DataError: The data has no labels, or does not fit.
        OptionError: The points are no falling fractions, or there is no such criterion.

    Example:

    >>> found = sensitivity(model, (x, y), points=(0.5, 0.25))
    >>> [curve.name for curve in found.curves], found.curves[0].kept
    (['first', 'third', 'hidden'], (6, 3, 2))
    >>> found.plot("sensitivity.png")

    Reference:
        Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017, figure 2; for single weights Han et al., Learning
        both Weights and Connections, NeurIPS 2015, figure 6.
    """
    whole = tuple(points)
    if not whole or any(not 0 <= low < high for high, low in zip((1.0, *whole), whole, strict=False)):
        raise OptionError(f"`points` must be fractions in [0, 1) that fall. Received: points={whole!r}.")
    scan = SCANS[of]
    sampling = Sampling(data, loss, batch_size, limit, seed, progress)
    if next(sampling.batches()).y is None:
        raise DataError("A scan measures the loss, so it needs labels, and the data has none. Pass data=(x, y).")
    opened = Opened.of(model)
    chosen = find_loss(opened.runs.flat, sampling)
    if chosen.remark:
        warnings.warn(chosen.remark, stacklevel=2)
    sampling = replace(sampling, loss=replace(chosen, remark=""))  # said once
    with quiet("tensorflow", "retracing"):  # a scan has many small models, each traced once
        return scan(opened, sampling, metric, whole, criterion)


@SCANS.register("channels")
def of_channels(
    opened: Opened, sampling: Sampling, metric: Any, points: Sequence[float], criterion: Any = None
) -> Sensitivity:
    """A curve for each group of channels."""
    criterion = "taylor" if criterion is None else criterion
    judge = resolve(criterion)
    trials = Trials(opened, sampling, metric)
    scores = judged(opened, judge, trials.sampling)
    groups = opened.graph.free_groups
    counts = [[max(1, math.floor(point * group.width + 0.5)) for point in (1.0, *points)] for group in groups]
    jobs = [(n, _best(scores[group.ids], kept)) for n, (group, kept) in enumerate(zip(groups, counts, strict=True))]
    found = trials.of_groups(jobs, sampling.progress)
    curves = tuple(
        Curve(group.name, group.width, tuple(kept), tuple(map(float, tried.loss)), tuple(map(float, tried.value)))
        for group, kept, tried in zip(groups, counts, found, strict=True)
    )
    return _result("channels", words(criterion), trials, points, trials.whole(), curves, _left_out(opened))


@SCANS.register("weights")
def of_weights(
    opened: Opened, sampling: Sampling, metric: Any, points: Sequence[float], criterion: Any = None
) -> Sensitivity:
    """A curve for each kernel, whose smallest weights go."""
    if words("magnitude" if criterion is None else criterion) != "magnitude":
        raise OptionError(f"Single weights are ranked by 'magnitude' alone. Received: criterion={criterion!r}.")
    scan = WeightScan(opened, sampling, metric)
    parts = kernels(opened.runs.flat)
    steps = [(kernel, point) for kernel in parts for point in points]
    tried = {
        (kernel.path, kernel.index, point): scan.at(kernel, point)
        for kernel, point in tracked(steps, "kernels", len(steps), sampling.progress)
    }
    curves = []
    for kernel in parts:
        rows = [(scan.size(kernel), *scan.whole), *(tried[kernel.path, kernel.index, point] for point in points)]
        kept, losses, values = zip(*rows, strict=True)
        curves.append(Curve(scan.name(kernel), scan.size(kernel), kept, losses, values))
    return _result("weights", "magnitude", scan, points, scan.whole, tuple(curves), {})


class WeightScan:
    """A copy of a model of which one kernel at a time is cut.

    Args:
        opened: The model; it is not touched.
        sampling: Data with labels.
        metric: As in `find_metric`.

    Attributes:
        whole: Loss and metric of the model as it is.
    """

    def __init__(self, opened: Opened, sampling: Sampling, metric: str | keras.metrics.Metric | None = None):
        self.sampling = sampling
        self.metric = find_metric(opened.runs.flat, sampling, metric)
        model = opened.runs.copy()
        self.layers = operations(model)
        self.weighing = Weighing(model, sampling)
        self.whole = self._measured()

    def name(self, kernel: Kernel) -> str:
        """The path of its layer, and its own name where that is not just "kernel"."""
        own = self.layers[kernel.path].weights[kernel.index].name
        return kernel.path if own == "kernel" else f"{kernel.path}/{own}"

    def size(self, kernel: Kernel) -> int:
        """How many weights a kernel has."""
        return math.prod(kernel.shape)

    def at(self, kernel: Kernel, point: float) -> tuple[int, float, float]:
        """How many weights stay, and the loss and the metric, when a kernel keeps a fraction of its largest ones."""
        variable = self.layers[kernel.path].weights[kernel.index]
        values = np.array(keras.ops.convert_to_numpy(variable))
        count = math.floor(point * values.size + 0.5)
        order = np.argsort(-np.abs(values), axis=None, kind="stable")
        cut = values.reshape(-1).copy()
        cut[order[count:]] = 0
        variable.assign(cut.reshape(values.shape))
        found = self._measured()
        variable.assign(values)
        return count, *found

    def _measured(self) -> tuple[float, float]:
        return self.weighing.loss(), self.weighing.value(self.metric)


def _best(scores: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """The channels of the highest scores, so many in each row; of equal ones the last go first, as in `select`."""
    order = np.argsort(scores, kind="stable")
    keeps = np.ones((len(counts), len(scores)), bool)
    for keep, count in zip(keeps, counts, strict=True):
        keep[order[: len(scores) - count]] = False
    return keeps


def _left_out(opened: Opened) -> dict[str, str]:
    return {group.name: group.frozen for group in opened.graph.groups if group.frozen is not None}


def _result(of: str, criterion: str, tried: Trials | WeightScan, points, whole, curves, left_out) -> Sensitivity:
    samples = sum(batch.size for batch in tried.sampling.batches())
    metric, (loss, value) = tried.metric, whole
    better = more_is_better(metric.name, metric)
    return Sensitivity(of, criterion, metric.name, better, tuple(points), samples, loss, value, curves, left_out)
