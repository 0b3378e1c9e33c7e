"""The loss and the outputs under many keeps of one group, side by side."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasprune.core import ChannelGraph, DataError, quiet
from kerasprune.evidence.ablation.labelled_batches import LabelledBatches
from kerasprune.evidence.ablation.memory_use import MEBI, at_once, batch_size
from kerasprune.evidence.ablation.plan import plan
from kerasprune.evidence.ablation.segment import Judged
from kerasprune.evidence.ablation.tail import GroupTail
from kerasprune.evidence.chosen_loss import find_loss
from kerasprune.evidence.gains import GainModel, Gains
from kerasprune.evidence.progress import tracked
from kerasprune.evidence.sampling import Sampling
from kerasprune.evidence.tally import Tally
from kerasprune.graph import calls_of


class Tried(NamedTuple):
    """What keeps of one group came to.

    Attributes:
        loss: float (keeps,), the mean loss of a sample.
        value: float (keeps,), the metric.
    """

    loss: np.ndarray
    value: np.ndarray


class SideBySide:
    """Tries keeps that take channels out of one group each: these read zero, and all others read what they read.

    What lies before the group does not run again for every keep, and several keeps run together. Nothing is built or
    traced between two calls.

    Args:
        model: The model.
        graph: Its trace.
        sampling: Data with labels and the loss; at most `batch_size` samples are run together.
        groups: The numbers of those of the free groups of the graph that are tried.
        metric: What is measured of the first output that has a loss.
        memory: MiB that may be held beside the data and the model, as in `Ablation`.

    Attributes:
        separable: Whether the loss of a batch follows from that of its samples; nothing can be tried here where not.
        whole: Loss and metric of the model as it is, once something was tried.

    Raises:
        DataError: The data does not fit, or one sample needs more memory than that.
    """

    def __init__(
        self,
        model: keras.Model,
        graph: ChannelGraph,
        sampling: Sampling,
        groups: Sequence[int],
        metric: keras.metrics.Metric,
        memory: float,
    ):
        self.graph, self.metric, self.memory = graph, metric, memory * MEBI
        self.inner = GainModel(model, graph, 1).inner
        self.plans = {group: plan(self.inner, graph.free_groups[group].ids, singly=False) for group in groups}
        size = batch_size(self.plans.values(), self.memory, sampling.batch_size)
        self.data = LabelledBatches(model, sampling, find_loss(model, sampling), size)
        self.separable = self.data.separable
        self.first = self.data.losses[0].place
        self.front = self._front()
        self._held: dict[int, list] = {}
        self._tails: dict[int, GroupTail] = {}

    def __call__(self, jobs: Sequence[tuple[int, np.ndarray]], progress: bool = False) -> list[Tried]:
        """Try keeps.

        Args:
            jobs: The number of a group, and what of its channels stays, bool (keeps, width).
            progress: Whether to show a progress bar.

        Returns:
            For each job what came of it.

        Raises:
            DataError: The loss is not finite.
        """
        losses = [np.zeros(len(keeps)) for _, keeps in jobs]
        tallies = [Tally(self.metric, len(keeps)) for _, keeps in jobs]
        whole, whole_tally = 0.0, Tally(self.metric, 1)
        parts = [(number, part) for number, job in enumerate(jobs) for part in self._parts(*job)]
        rounds = ((batch, part) for batch in range(len(self.data.batches)) for part in [None, *parts])
        total = len(self.data.batches) * (1 + len(parts))
        with quiet("tensorflow", "retracing"):  # Keras traces all tails in one place
            for batch, part in tracked(rounds, "keeps", total, progress):
                if part is None:  # a new batch
                    given = self.data.given(batch)
                    crossing, outputs, before = self._before(batch, given)
                    label, samples = given[1], int(given[0].sum())
                    whole += before.sum()
                    whole_tally.add(0, label[:samples], outputs[:samples])
                    continue
                job, (tail, places, rows) = part
                after, found = self._after(tail, rows, crossing, given)
                losses[job][places] += after[: len(places)] + before[~tail.felt].sum()
                for place, candidate in enumerate(places):
                    mine = outputs if found is None else found[place * self.data.size :]
                    tallies[job].add(candidate, label[:samples], mine[:samples])
        self.whole = (whole / self.data.samples, float(whole_tally.values()[0]))
        found = [Tried(loss / self.data.samples, tally.values()) for loss, tally in zip(losses, tallies, strict=True)]
        if not all(np.isfinite(each.loss).all() for each in found):
            raise DataError("The loss is not finite: NaN or infinity. Check weights, labels and loss.")
        return found

    def _parts(self, group: int, keeps: np.ndarray) -> Iterator[tuple[GroupTail, np.ndarray, np.ndarray]]:
        """Which keeps of a group run together: their tail, their places among the keeps, and their gains."""
        tail = self._tail(group, len(keeps))
        rows = np.ones((len(keeps), self.graph.num_ids), "float32")
        rows[:, self.graph.free_groups[group].ids] = keeps
        for start in range(0, len(keeps), tail.at_once):
            places = np.arange(start, min(start + tail.at_once, len(keeps)))
            yield tail, places, rows[np.resize(places, tail.at_once)]

    def _tail(self, group: int, count: int) -> GroupTail:
        if group not in self._tails:
            most = at_once(self.plans[group], self.memory, self.data.size, count)
            self._tails[group] = GroupTail(self.inner, self.plans[group], self.data.losses, most)
        return self._tails[group]

    def _before(self, number: int, given: list) -> tuple[dict[int, Any], np.ndarray, np.ndarray]:
        """What the tails need of one batch, the first output that is judged, and the losses."""
        found = self._held.get(number)
        if found is None:
            ones = np.ones((1, self.graph.num_ids), "float32")
            found = self.front.predict_on_batch([*self.data.inputs(number, self.inner), ones, *given])
            held = sum(array.nbytes for arrays in self._held.values() for array in arrays)
            if held + sum(array.nbytes for array in found) <= self.memory / 2:
                self._held[number] = found
        *tensors, output, losses = found
        crossing = dict(zip(self.front.part.targets, map(ops.convert_to_tensor, tensors), strict=False))
        return crossing, output, losses

    def _after(self, tail: GroupTail, rows: np.ndarray, crossing: dict, given: list):
        """The losses of the candidates, and the first output that is judged; None where it does not feel the group."""
        if not tail.felt.any():
            return np.zeros(tail.at_once), None
        needed = (crossing[id(tensor)] for tensor in tail.plan.crossing)
        losses, *outputs = tail.predict_on_batch([*needed, rows, *given])
        return losses, outputs[0] if tail.felt[0] else None

    def _front(self) -> Judged:
        """From the inputs to all that the tails need, and to the first output that is judged."""
        calls = list(calls_of(self.inner))
        gains = next(call.outputs[0] for call in calls if isinstance(call.operation, Gains))
        calls = [call for call in calls if not isinstance(call.operation, Gains)]
        needed = {id(tensor): tensor for steps in self.plans.values() for tensor in steps.crossing}
        targets = [*needed.values(), self.inner.outputs[self.first]]
        return Judged(self.data.losses, self.inner, calls, [*self.inner.inputs, gains], targets)
