"""What can be done for a slimmed model without labels and without training, by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasprune.core import ChannelGraph, OptionError, Registry
from kerasprune.evidence import Sampling
from kerasprune.graph import Opened
from kerasprune.recoveries.recalibrate import recalibrated


@dataclass(frozen=True, eq=False)
class Damage:
    """A model before and after a cut, and data to repair it with.

    Attributes:
        before: The model before.
        keep: bool (num_ids,), what of it is left.
        after: The model after; it may have been repaired or trained since.
        sampling: Data that can be read again and again; labels are not used.
    """

    before: Opened
    keep: np.ndarray
    after: Opened
    sampling: Sampling

    @classmethod
    def of(
        cls, model: keras.Model, graph: ChannelGraph, keep: np.ndarray, small: keras.Model, sampling: Sampling
    ) -> "Damage":
        """The damage between two models that nobody has opened yet."""
        before = Opened.of(model, graph)
        return cls(before, keep, before.after(keep, small), sampling)

    @property
    def model(self) -> keras.Model:
        """The model before."""
        return self.before.model

    @property
    def graph(self) -> ChannelGraph:
        """Its trace."""
        return self.before.graph

    @property
    def small(self) -> keras.Model:
        """The model after."""
        return self.after.model


@dataclass(frozen=True)
class Repair:
    """What a recovery did to one layer.

    Attributes:
        layer: Its path.
        before: The squared error of what the layer puts out, against the model before, over the variance of that.
        after: The same after the repair; None where the layer was left alone.
        note: What the user should know: why it was left alone, or that there were few samples.
    """

    layer: str
    before: float | None
    after: float | None
    note: str = ""

    def __str__(self) -> str:
        if self.after is None:
            return f"`{self.layer}` was left alone: {self.note}"
        remark = f" ({self.note})" if self.note else ""
        return f"`{self.layer}`: squared error {self.before:.2g} -> {self.after:.2g} of the variance{remark}"


# From a `Damage` to the repaired model, a new one, and the repairs.
Recovery = Callable[[Damage], tuple[keras.Model, tuple[Repair, ...]]]

# By name what makes a `Recovery` out of its options.
RECOVERIES = Registry("recovery")

recovery = RECOVERIES.register


def resolve_recovery(chosen: str | Recovery) -> Recovery:
    """The recovery of a name, or the callable itself, which brings its own options.

    Raises:
        OptionError: It is neither a name nor callable, or there is none of that name.
    """
    if isinstance(chosen, str):
        return RECOVERIES[chosen]()
    if not callable(chosen):
        raise OptionError(f"A recovery must be a name ({', '.join(RECOVERIES)}) or a callable. Received: {chosen!r}.")
    return chosen


def repair(recover: Recovery, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
    """Let a recovery do its work on models that the backend can run; the result has the layout of the model after."""
    after = damage.after
    small, repairs = recover(replace(damage, before=damage.before.runs, after=after.runs))
    return after.back(small), tuple(replace(done, layer=after.name(done.layer)) for done in repairs)


@recovery("recalibrate")
@dataclass(frozen=True)
class Recalibrate:
    """Batch-norm statistics are estimated anew; see `recalibrate`."""

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        return recalibrated(damage.after, damage.sampling), ()
