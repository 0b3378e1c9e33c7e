"""Parts of a model that run by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import ops

from kerasprune.evidence.sample_loss import SampleLoss, totals
from kerasprune.graph import Call, run


class Segment(keras.Model):
    """A part of a model: from some of its tensors to others.

    Args:
        inner: The inner model of a `GainModel`, whose layers run.
        calls: What runs, in order.
        sources: The tensors that are given.
        targets: The tensors that are returned.
    """

    def __init__(self, inner: keras.Model, calls: Sequence[Call], sources: Sequence, targets: Sequence):
        super().__init__(name="segment", dtype="float32", autocast=False)
        self.inner = inner
        self.part = _Part(tuple(calls), tuple(map(id, sources)), tuple(map(id, targets)))
        self.trainable = False
        self.built = True

    def call(self, inputs):
        """The targets, in order."""
        env = run(self.part.calls, dict(zip(self.part.sources, inputs, strict=True)))
        return [env[target] for target in self.part.targets]


class Judged(Segment):
    """A segment that judges the outputs of the model, which are its last targets.

    Args:
        losses: The losses of the outputs.
        inner: As in `Segment`.
        calls: Likewise.
        sources: Likewise.
        targets: Likewise, before the outputs.
    """

    def __init__(self, losses: tuple[SampleLoss, ...], inner: keras.Model, calls, sources, targets):
        super().__init__(inner, calls, sources, [*targets, *inner.outputs])
        self.judges = losses

    def call(self, inputs):
        """The targets without the outputs, and what each part of the loss makes of the batch, times its samples.

        Args:
            inputs: The sources, and what `totals` is given.
        """
        count = len(self.part.sources)
        found = super().call(inputs[:count])
        start = len(found) - len(self.inner.outputs)
        outputs = [found[start + judge.place] for judge in self.judges]
        sums = totals(self.judges, inputs[count:], outputs, lambda values: values[None], lambda values: values)
        return [*found[:start], ops.concatenate(sums)]


@dataclass(frozen=True, eq=False)
class _Part:
    """The attributes of a `Segment`; Keras would turn lists into its own."""

    calls: tuple[Call, ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]
