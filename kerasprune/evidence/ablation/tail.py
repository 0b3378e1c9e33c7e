"""What runs again when one channel of a group reads zero."""

import keras
import numpy as np
from keras import ops

from kerasprune.evidence.ablation.plan import Plan
from kerasprune.evidence.ablation.steps import Trial, tiled
from kerasprune.evidence.sample_loss import SampleLoss, totals
from kerasprune.graph import layers_inside


class Tail(keras.Model):
    """The loss when each of some channels of one group alone reads zero, of the outputs that feel it.

    Only what depends on the group runs: the tensors that cross the cut are given. Several candidates run at once, side
    by side on the batch axis. Where a layer that is linear in its input channels reads the group first, what a channel
    contributes is subtracted from what the layer makes of all of them.

    Args:
        inner: The inner model of a `GainModel`, whose layers run.
        plan: What runs.
        ids: int (width,), the channels of the group.
        at_once: Candidates that run together.
        losses: The parts of the loss.
    """

    def __init__(self, inner: keras.Model, plan: Plan, ids: np.ndarray, at_once: int, losses: tuple[SampleLoss, ...]):
        super().__init__(name="tail", dtype="float32", autocast=False)
        self.inner = inner
        self.plan = plan
        self.ids = ids
        self.at_once = at_once
        reached = {id(tensor) for step in plan.steps for tensor in step.call.outputs}
        self.felt = np.array([id(inner.outputs[judge.place]) in reached for judge in losses])
        self.judges = losses
        # On a processor, Keras compiles for TensorFlow only what it is told to; here it saves passes over the memory.
        # What torch has in the place of XLA takes longer than it saves, and cannot read layers that are made inside.
        supported = all(getattr(layer, "supports_jit", True) for layer in layers_inside(inner))
        self.jit_compile = supported and keras.backend.backend() != "torch"
        self.trainable = False
        self.built = True

    def call(self, inputs):
        """What the loss makes of the batch of every candidate, times its samples: (candidates,).

        Args:
            inputs: The crossing tensors, the gains, float (1, num_ids), the places of the candidates among the ids,
                int (candidates,), and what `totals` is given.
        """
        count = len(self.plan.crossing)
        gains, chosen, *given = inputs[count:]
        tensors = dict(zip(map(id, self.plan.crossing), inputs[:count], strict=True))
        trial = Trial(self.at_once, given[0].shape[0], tensors, gains, chosen, ops.take(self.ids, chosen))
        for step in self.plan.steps:
            step(trial)
        outputs = [
            trial.many[id(self.inner.outputs[judge.place])] if felt else None
            for judge, felt in zip(self.judges, self.felt, strict=True)
        ]
        return sum(totals(self.judges, given, outputs, trial.apart, lambda values: tiled(values, self.at_once)))
