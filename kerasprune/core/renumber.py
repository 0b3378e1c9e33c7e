"""The same labels under other numbers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import overload

import numpy as np

from kerasprune.core.cost import Term
from kerasprune.core.edits import Count, Share, Whole
from kerasprune.core.graph import CallLabels, Labels, Pick, WeightLabels


class Renumber:
    """Gives ids new numbers wherever they stand; a vector that many places share stays one shared, read-only vector.

    Args:
        number: int (num_ids,), the new number of every id.
        keep: bool (num_ids,), False = left out; None keeps all.
    """

    def __init__(self, number: np.ndarray, keep: np.ndarray | None = None):
        self.number = number
        self.keep = keep
        self.memo: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @overload
    def vector(self, labels: np.ndarray) -> np.ndarray: ...

    @overload
    def vector(self, labels: None) -> None: ...

    def vector(self, labels):
        """The new labels; None stays None."""
        if labels is None:
            return None
        if id(labels) not in self.memo:
            new = self.number[labels if self.keep is None else labels[self.keep[labels]]]
            new.flags.writeable = False
            self.memo[id(labels)] = (labels, new)  # the old vector too, so that its id is not given away
        return self.memo[id(labels)][1]

    def vectors(self) -> list[np.ndarray]:
        """All new vectors so far."""
        return [new for _, new in self.memo.values()]

    def axes(self, axes: Labels) -> Labels:
        """The new labels of a tensor."""
        return tuple(self.vector(labels) for labels in axes)

    def weight(self, weight: WeightLabels) -> WeightLabels:
        """The new labels and the new shape of a weight."""
        axes = self.axes(weight.axes)
        shape = tuple(size if labels is None else len(labels) for size, labels in zip(weight.shape, axes, strict=True))
        share = weight.share and Share(
            self.vector(weight.share.labels), weight.share.power
        )  # the weight has its factor
        return replace(weight, shape=shape, axes=axes, share=share)

    def call(self, call: CallLabels) -> CallLabels:
        """The new labels of a call."""
        return CallLabels(
            key=call.key,
            operation=call.operation,
            inputs=tuple(self.axes(labels) for labels in call.inputs),
            outputs=tuple(self.axes(labels) for labels in call.outputs),
            reads=call.reads,
            arguments={position: self.value(value) for position, value in call.arguments.items()},
            share=self.value(call.share),
        )

    def term(self, term: Term) -> Term:
        """The new labels of a cost."""
        return Term(term.layer, term.factor, tuple(self.vector(labels) for labels in term.axes))

    def value(self, value):
        """An entry of a configuration, with the labels in it new."""
        if isinstance(value, Count):
            return Count(self.vector(value.labels), value.factor)
        if isinstance(value, Share):
            number = value.value if self.keep is None else value.under(self.keep)
            return Share(self.vector(value.labels), value.power, number)
        if isinstance(value, Whole):
            return Whole(self.vector(value.labels), value.value)
        if isinstance(value, Pick):
            values = value.values if self.keep is None else value.under(self.keep)
            return Pick(values, self.axes(value.axes))
        if isinstance(value, (tuple, list)):
            return type(value)(self.value(item) for item in value)
        if isinstance(value, slice):
            return slice(self.value(value.start), self.value(value.stop), value.step)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        return value
