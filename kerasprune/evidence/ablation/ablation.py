"""The exact loss without one channel, for many channels, as fast as it can be had."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.core import ChannelGraph, DataError, quiet
from kerasprune.evidence.ablation.labelled_batches import LabelledBatches
from kerasprune.evidence.ablation.memory_use import MEBI, at_once, batch_size
from kerasprune.evidence.ablation.plan import plan
from kerasprune.evidence.ablation.segment import Judged, Segment
from kerasprune.evidence.ablation.tail import ChannelTail
from kerasprune.evidence.chosen_loss import ChosenLoss, chosen_loss
from kerasprune.evidence.gains import Gained, GainModel, Gains
from kerasprune.evidence.progress import tracked
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import calls_of


class Ablation:
    """Tries channels one by one: each reads zero while all others read what they read.

    The network is never run once per channel. What lies before the first channel that can go (the front) runs once for
    all calls, and its results are held. What lies before the channels of a group runs once per call; then a
    `ChannelTail` runs for several channels of the group at a time.

    Args:
        model: The model.
        graph: Its trace.
        sampling: Data with labels and the loss; at most `batch_size` samples are run together.
        memory: MiB that may be held beside the data and the model: one half for the results of the front (what does
            not fit runs again in every call), a quarter for what the tails need of one batch, a quarter for the
            tensors of the channels that run together. Fewer samples run together where that is not enough. Tensors
            of unknown sizes are not counted; of such a model one channel runs at a time.
        chosen: The loss; None for that of the sampling or of the model.

    Attributes:
        separable: Whether the loss of a batch follows from that of its samples; else a channel must be tried by the
            whole network.

    Raises:
        DataError: The data does not fit, or one sample needs more memory than that.
    """

    def __init__(
        self,
        model: keras.Model,
        graph: ChannelGraph,
        sampling: Sampling,
        *,
        memory: float,
        chosen: ChosenLoss | None = None,
    ):
        self.graph = graph
        self.memory = memory * MEBI
        self.inner = GainModel(model, graph, 1, apart=True).inner
        self.plans = [plan(self.inner, group.ids) for group in graph.free_groups]
        size = batch_size(self.plans, self.memory, sampling.batch_size)
        self.data = LabelledBatches(model, sampling, chosen or chosen_loss(model, sampling), size)
        self.separable = self.data.separable
        self.front, self.middle = self._segments()
        self._fronts: dict[int, list] = {}
        self._tails: dict[int, ChannelTail] = {}

    def __call__(self, gain: np.ndarray, candidates: np.ndarray, progress: bool = False) -> np.ndarray:
        """The change of the mean loss when each of the candidates alone reads zero.

        Args:
            gain: float (num_ids,), 0 for channels that are gone already.
            candidates: int (n,), the ids to try.
            progress: Whether to show a progress bar.

        Returns:
            float (n,).

        Raises:
            DataError: The loss is not finite.
        """
        row = np.array(gain, "float32")[None]
        row[0, 0] = 1.0
        jobs = self._jobs(candidates)
        changes = np.zeros(self.graph.num_ids)
        tries = itertools.product(range(len(self.data.batches)), jobs)
        now = None
        # TensorFlow takes the tails, which Keras traces in one place, for one function that is traced too often.
        with quiet("tensorflow", "retracing"):
            for number, (tail, places) in tracked(tries, "channels", len(self.data.batches) * len(jobs), progress):
                if number != now:
                    now, given = number, self.data.given(number)
                    tensors, before = self._before_tails(number, row, given)
                crossing = (tensors[id(tensor)] for tensor in tail.plan.crossing)
                chosen = np.resize(places, tail.at_once).astype("int32")
                after = tail.predict_on_batch([*crossing, row, chosen, *given])[: len(places)]
                if not (np.isfinite(before).all() and np.isfinite(after).all()):
                    raise DataError("The loss is not finite: NaN or infinity. Check weights, labels and loss.")
                changes[tail.ids[places]] += after - before[tail.felt].sum()
        return changes[candidates] / self.data.samples

    def _jobs(self, candidates: np.ndarray) -> list[tuple[ChannelTail, np.ndarray]]:
        """Which tail tries which of its channels together; nothing feels a channel that has no tail."""
        jobs = []
        for number, (group, steps) in enumerate(zip(self.graph.free_groups, self.plans, strict=True)):
            places = np.flatnonzero(np.isin(group.ids, candidates))
            if not steps.steps or not len(places):
                continue
            if number not in self._tails:
                most = at_once(steps, self.memory, self.data.size, group.width)
                self._tails[number] = ChannelTail(self.inner, steps, self.data.losses, most, group.ids)
            tail = self._tails[number]
            if not tail.felt.any():  # what it leads to has no loss
                continue
            jobs += [(tail, places[start : start + tail.at_once]) for start in range(0, len(places), tail.at_once)]
        return jobs

    def _before_tails(self, number: int, row: np.ndarray, given: list) -> tuple[dict[int, Any], np.ndarray]:
        """What the tails need of one batch, by the id of the symbolic tensor, and the losses of the judged outputs."""
        front = self._fronts.get(number)
        if front is None:
            inputs = self.data.inputs(number, self.inner)
            front = self.front.predict_on_batch([*inputs, np.ones_like(row)])  # what is read there, stays
            held = sum(array.nbytes for arrays in self._fronts.values() for array in arrays)
            if held + sum(array.nbytes for array in front) <= self.memory / 2:
                self._fronts[number] = front
        *found, losses = self.middle.predict_on_batch([*front, row, *given])
        return dict(zip(self.middle.part.targets, map(ops.convert_to_tensor, found), strict=False)), losses

    def _segments(self) -> tuple[Segment, Judged]:
        """The calls before the first channel that can go, and the others."""
        inner, free = self.inner, np.flatnonzero(~self.graph.frozen)
        calls = list(calls_of(inner))
        gains = next(call.outputs[0] for call in calls if isinstance(call.operation, Gains))
        calls = [call for call in calls if not isinstance(call.operation, Gains)]
        later: set[int] = set()
        for call in calls:
            feels = isinstance(call.operation, Gained) and np.isin(call.operation.labels, free).any()
            if feels or any(id(tensor) in later for tensor in call.inputs):
                later.update(map(id, call.outputs))
        front = [call for call in calls if id(call.outputs[0]) not in later]
        rest = [call for call in calls if id(call.outputs[0]) in later]
        targets = {id(tensor): tensor for steps in self.plans for tensor in steps.crossing}
        made = {id(tensor) for call in rest for tensor in call.outputs}
        read = [tensor for call in rest for tensor in call.inputs]
        needed = {id(tensor): tensor for tensor in (*read, *targets.values(), *inner.outputs)}
        edge = [tensor for tensor in needed.values() if id(tensor) not in made and tensor is not gains]
        return (
            Segment(inner, front, [*inner.inputs, gains], edge),
            Judged(self.data.losses, inner, rest, [*edge, gains], list(targets.values())),
        )
