"""Loss and metric of a model without some channels, for many such keeps: nothing is built or traced in between."""

import functools
from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from kerasprune.evidence import Sampling, SideBySide, Weighing
from kerasprune.evidence.ablation.side_by_side import Tried
from kerasprune.evidence.progress import tracked
from kerasprune.evidence.quality import find_metric
from kerasprune.graph import Opened
from kerasprune.slimming import Switched

MEMORY = 256  # MiB beside the data and the model


class Trials:
    """Tries keeps on labelled data, in the fastest way there is for them.

    Those that differ from the whole model in one group run side by side behind what they have in common. Where the
    loss is no sum over samples, where layers add to it, and where a layer reads channels that it makes itself (the
    units of a recurrent layer, the heads of attention), the whole network runs for each keep.

    Args:
        opened: The model.
        sampling: Data with labels, and the loss where one is given; its data is held.
        metric: As in `find_metric`.
        groups: The numbers of those of the free groups of the graph that are tried; None for all.
        memory: MiB that may be held beside the data and the model.

    Raises:
        DataError: The data has no labels, or does not fit, or there is no such metric.
    """

    def __init__(
        self,
        opened: Opened,
        sampling: Sampling,
        metric: str | keras.metrics.Metric | None = None,
        groups: Sequence[int] | None = None,
        memory: float = MEMORY,
    ):
        self.opened, self.graph, self.memory = opened, opened.runs.graph, memory
        self.sampling = replace(sampling, data=list(sampling.batches()), limit=None)
        self.metric = find_metric(opened.runs.flat, self.sampling, metric)
        self.groups = range(len(self.graph.free_groups)) if groups is None else groups

    def whole(self) -> tuple[float, float]:
        """Loss and metric of the model as it is."""
        return self.one(self.graph.keep_all())

    def one(self, keep: np.ndarray) -> tuple[float, float]:
        """Loss and metric of the model under any keep: bool (num_ids,)."""
        value = self.value(keep)
        return self._weighing.loss(), value

    def value(self, keep: np.ndarray) -> float:
        """The metric of the model under any keep: bool (num_ids,)."""
        self._switched.keep(keep)
        return self._weighing.value(self.metric)

    def of_groups(self, jobs: Sequence[tuple[int, np.ndarray]], progress: bool = False) -> list[Tried]:
        """Loss and metric under keeps that differ from the whole model in one group each.

        Args:
            jobs: The number of a free group, and what of its channels stays, bool (keeps, width).
            progress: Whether to show a progress bar.

        Returns:
            For each job what its keeps came to.

        Raises:
            DataError: The loss is not finite.
        """
        apart = [self._runs_apart(group) for group, _ in jobs]
        together = [job for job, alone in zip(jobs, apart, strict=True) if not alone]
        found = iter(self._side_by_side(together, progress) if together else ())
        alone = iter(self._one_by_one([job for job, alone in zip(jobs, apart, strict=True) if alone], progress))
        return [next(alone if each else found) for each in apart]

    def _runs_apart(self, group: int) -> bool:
        inside = self.graph.read_inside[self.graph.free_groups[group].ids].any()
        return bool(inside) or self._side_by_side is None

    @functools.cached_property
    def _side_by_side(self) -> SideBySide | None:
        groups = [group for group in self.groups if not self.graph.read_inside[self.graph.free_groups[group].ids].any()]
        if not groups:
            return None
        tries = SideBySide(self.opened.runs.flat, self.graph, self.sampling, groups, self.metric, self.memory)
        return tries if tries.separable else None

    def _one_by_one(self, jobs: Sequence[tuple[int, np.ndarray]], progress: bool) -> list[Tried]:
        """The whole network for each keep."""
        everything = [(number, keep) for number, (_, keeps) in enumerate(jobs) for keep in keeps]
        found: list[list[tuple[float, float]]] = [[] for _ in jobs]
        for number, keep in tracked(everything, "keeps", len(everything), progress and bool(everything)):
            all_of_it = self.graph.keep_all()
            all_of_it[self.graph.free_groups[jobs[number][0]].ids] = keep
            found[number].append(self.one(all_of_it))
        return [Tried(*map(np.array, zip(*each, strict=True))) for each in found]

    @functools.cached_property
    def _switched(self) -> Switched:
        return Switched(self.opened)

    @functools.cached_property
    def _weighing(self) -> Weighing:
        return Weighing(self._switched.model, replace(self.sampling, progress=False))
