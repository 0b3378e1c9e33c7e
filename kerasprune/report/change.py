"""Counts before and after, of a layer and of the whole model."""

from dataclasses import dataclass

import numpy as np

from kerasprune.core import ChannelGraph


@dataclass(frozen=True)
class Change:
    """One count before and after."""

    before: float
    after: float

    @property
    def kept(self) -> float:
        """The fraction that is left; 1 where there was nothing."""
        return self.after / self.before if self.before else 1.0

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.before:,}"
        return f"{self.before:,} -> {self.after:,}"


@dataclass(frozen=True)
class Measured:
    """What was measured on data before and after.

    Attributes:
        name: "loss", or the name of a metric.
        before: Of the model.
        after: Of the smaller one.
        more_is_better: Whether it is good to have more of it.
    """

    name: str
    before: float
    after: float
    more_is_better: bool

    @property
    def is_much_worse(self) -> bool:
        """Whether more than a tenth of it is lost; of what should be less, whether there is half as much again."""
        if self.more_is_better:
            return self.after < 0.9 * self.before
        return self.after > 1.5 * self.before

    def __str__(self) -> str:
        worse = self.after < self.before if self.more_is_better else self.after > self.before
        word = "the same" if self.before == self.after else "worse" if worse else "better"
        if self.name.endswith("accuracy"):
            return f"{self.name} {self.before:.2%} -> {self.after:.2%} ({word})"
        return f"{self.name} {self.before:.4g} -> {self.after:.4g} ({word})"


@dataclass(frozen=True)
class LayerChange:
    """What changed in one layer.

    Attributes:
        name: Path of the layer.
        channels: Entries on the channel axis of its output; None if its output carries no channels.
        params: Its weights.
        macs: Its multiply-accumulates for one sample.
    """

    name: str
    channels: Change | None
    params: Change
    macs: Change


def layer_changes(graph: ChannelGraph, keep: np.ndarray) -> tuple[LayerChange, ...]:
    """The layers that have weights or multiply-accumulates, in the order of execution."""
    table = graph.cost_table
    before, after = table.per_layer(graph.keep_all()), table.per_layer(keep)
    vectors = _output_labels(graph)
    order = {path: position for position, path in enumerate(vectors)}
    changes = []
    for path in sorted(before, key=lambda path: order.get(path, len(order))):
        labels = vectors.get(path)
        channels = None if labels is None else Change(len(labels), int(np.count_nonzero(keep[labels])))
        params, macs = (Change(round(was), round(now)) for was, now in zip(before[path], after[path], strict=True))
        if params.before or macs.before:
            changes.append(LayerChange(path, channels, params, macs))
    return tuple(changes)


def _output_labels(graph: ChannelGraph) -> dict[str, np.ndarray | None]:
    """Path of every operation, in the order of the first calls, to the labels on the last labelled axis it puts out."""
    vectors: dict[str, np.ndarray | None] = {}
    for call in graph.calls:
        labelled = [axis for axis in call.outputs[0] if axis is not None] if call.outputs else []
        vectors.setdefault(call.operation, labelled[-1] if labelled else None)
    return vectors
