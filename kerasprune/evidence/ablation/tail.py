"""What runs again when channels of a group read zero."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.evidence.ablation.plan import AblationPlan
from kerasprune.evidence.ablation.steps import Trial, tiled
from kerasprune.evidence.sample_loss import SampleLoss, totals
from kerasprune.graph import layers_inside


class Tail(keras.Model):
    """What follows of a model under several candidates at once, side by side on the batch axis.

    Only what depends on the group runs: the tensors that cross the cut are given.

    Args:
        inner: The inner model of a `GainModel`, whose layers run.
        plan: What runs.
        losses: The parts of the loss.
        at_once: Candidates that run together.

    Attributes:
        felt: bool (parts of the loss,), those whose output depends on the group.
    """

    def __init__(self, inner: keras.Model, plan: AblationPlan, losses: tuple[SampleLoss, ...], at_once: int):
        super().__init__(name="tail", dtype="float32", autocast=False)
        self.inner = inner
        self.plan = plan
        self.at_once = at_once
        reached = {id(tensor) for step in plan.steps for tensor in step.call.outputs}
        self.felt = np.array([id(inner.outputs[judge.place]) in reached for judge in losses])
        self.judges = losses
        self.trainable = False
        self.built = True

    def split(self, inputs: list) -> tuple[dict, list]:
        """The crossing tensors by the id of the symbolic one, and what else is given."""
        count = len(self.plan.crossing)
        return dict(zip(map(id, self.plan.crossing), inputs[:count], strict=True)), inputs[count:]

    def run(self, trial: Trial, given: list) -> tuple[Any, list]:
        """What the loss makes of the batch of every candidate, times its samples, (candidates,), and what it judges.

        Args:
            trial: The candidates.
            given: What `totals` is given.
        """
        for step in self.plan.steps:
            step(trial)
        outputs = [
            trial.many[id(self.inner.outputs[judge.place])] if felt else None
            for judge, felt in zip(self.judges, self.felt, strict=True)
        ]
        found = totals(self.judges, given, outputs, trial.apart, lambda values: tiled(values, self.at_once))
        return sum(found), outputs


class ChannelTail(Tail):
    """A tail whose candidates are without one channel of the group each.

    Where a layer that is linear in its input channels reads the group first, what a channel contributes is subtracted
    from what the layer makes of all of them.

    Args:
        inner: As in `Tail`.
        plan: Likewise.
        losses: Likewise.
        at_once: Likewise.
        ids: int (width,), the channels of the group.
    """

    def __init__(
        self, inner: keras.Model, plan: AblationPlan, losses: tuple[SampleLoss, ...], at_once: int, ids: np.ndarray
    ):
        super().__init__(inner, plan, losses, at_once)
        self.ids = ids
        # On a processor, Keras compiles for TensorFlow only what it is told to; here it saves passes over the memory.
        # What torch has in the place of XLA takes longer than it saves, and cannot read layers that are made inside.
        supported = all(getattr(layer, "supports_jit", True) for layer in layers_inside(inner))
        self.jit_compile = supported and keras.backend.backend() != "torch"

    def call(self, inputs):
        """What the loss makes of the batch of every candidate, times its samples: (candidates,).

        Args:
            inputs: The crossing tensors, the gains, float (1, num_ids), the places of the candidates among the ids,
                int (candidates,), and what `totals` is given.
        """
        tensors, (gains, chosen, *given) = self.split(inputs)
        ids = ops.take(self.ids, chosen)
        gone = ops.equal(np.arange(gains.shape[1]), ops.expand_dims(ids, 1))  # (candidates, num_ids)
        rows, lost = ops.where(gone, 0.0, gains), ops.take(gains[0], ids)
        return self.run(Trial(self.at_once, given[0].shape[0], tensors, rows, chosen, lost), given)[0]


class GroupTail(Tail):
    """A tail whose candidates are without any channels of the group."""

    def call(self, inputs):
        """What the loss makes of the batch of every candidate, times its samples, and the outputs that feel the group.

        Args:
            inputs: The crossing tensors, the gains of every candidate, float (candidates, num_ids), and what `totals`
                is given.
        """
        tensors, (rows, *given) = self.split(inputs)
        total, outputs = self.run(Trial(self.at_once, given[0].shape[0], tensors, rows), given)
        return [total, *(output for output in outputs if output is not None)]
