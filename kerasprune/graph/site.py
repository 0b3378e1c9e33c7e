"""One call of one layer or operation, as a rule sees it."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from kerasprune.core import CallLabels, Count, Labels, Pick, Share, Term, WeightLabels, Whole
from kerasprune.graph.call import Call
from kerasprune.graph.elementwise import is_elementwise
from kerasprune.graph.ledger import Ledger

Shape = tuple[int | None, ...]


class Site:
    """What a rule can ask and say about one call.

    Attributes:
        layer: The layer or operation.
        path: Its path, for messages.
        inputs: The labels of every input tensor: one entry per axis (batch first), a vector of ids or None.
        shapes: The shapes of the inputs as the model has them, with None for unknown dimensions.
        sizes: The same with numbers for the unknown dimensions; multiply-accumulates are counted at these.
        output_shapes: The shapes of the outputs. output_sizes: likewise with numbers.
        of_weights: The numbers of the inputs that are made of weights alone, whose first axis is not that of samples.
        arguments: The `(args, kwargs)` of the call.
    """

    def __init__(self, call: Call, ledger: Ledger, inputs: Sequence[Labels], sizes, output_sizes, of_weights=()):
        self.call = call
        self.layer = call.operation
        self.path = call.path
        self.arguments = call.arguments
        self.inputs = tuple(inputs)
        self.shapes: tuple[Shape, ...] = tuple(tensor.shape for tensor in call.inputs)
        self.sizes: tuple[tuple[int, ...], ...] = tuple(sizes)
        self.output_shapes: tuple[Shape, ...] = tuple(tensor.shape for tensor in call.outputs)
        self.output_sizes: tuple[tuple[int, ...], ...] = tuple(output_sizes)
        self.of_weights = frozenset(of_weights)
        self._ledger = ledger
        self._reads: list[set[int]] = [set() for _ in inputs]
        self._picks: dict[int, Pick | Count | slice] = {}
        self._share: Share | None = None

    @property
    def name(self) -> str:
        """The path in backticks, for messages."""
        return f"`{self.path}`"

    @property
    def labels(self) -> Labels:
        """The labels of the first input."""
        return self.inputs[0]

    def channel_axis(self) -> int:
        """The axis of the channels of the first input, by the layer's data format."""
        return 1 if getattr(self.layer, "data_format", None) == "channels_first" else len(self.shapes[0]) - 1

    def unlabelled(self, output: int = 0) -> Labels:
        """Labels of an output that carries no channels."""
        return (None,) * len(self.output_shapes[output])

    def make(self, width: int, loose: bool = False) -> np.ndarray:
        """`width` new channels, made by this layer: int (width,); loose ones are none where they must stay."""
        return self._ledger.make(self.path, width, loose)

    def tie(self, first: np.ndarray, second: np.ndarray, why: str) -> None:
        """Entry by entry, the channels of the two vectors live or die together."""
        self._ledger.tie(first, second, why)

    def freeze(self, labels: Labels | np.ndarray | None, why: str) -> None:
        """The channels in these labels stay, for the reason `why`."""
        vectors = [labels] if isinstance(labels, np.ndarray) else list(labels or ())
        for vector in vectors:
            if vector is not None:
                self._ledger.freeze(vector, why)

    def freeze_single(self, labels: np.ndarray, why: str) -> None:
        """The channels in these labels stay, because what they are combined with has none."""
        self._ledger.freeze_single(labels, why)

    def freeze_other_axes(self, axis: int | None, why: str, index: int = 0) -> Labels:
        """Freeze what input `index` carries on other axes than `axis`; returns its labels."""
        labels = self.inputs[index]
        self.freeze(tuple(vector for other, vector in enumerate(labels) if other != axis), why)
        return labels

    def read(self, *axes: int, index: int = 0) -> None:
        """The call consumes the channels on these axes of input `index`: a removed one must read zero there."""
        rank = len(self.shapes[index])
        for axis in axes:
            if axis % rank == 0:
                place = "first axis of a weight" if index in self.of_weights else "axis of the samples"
                self.freeze(self.inputs[index][:1], f"{self.name} reads these channels along the {place}")
            elif self.inputs[index][axis] is not None:
                self._reads[index].add(axis % rank)

    def weight(
        self,
        variable,
        axes: Labels,
        reads: tuple[int, ...] = (),
        inner: tuple[int, ...] = (),
        share: Share | None = None,
    ) -> None:
        """Say which channels lie along the axes of a weight, and on which axes the weight consumes them.

        A weight met again, in a shared layer, ties its first labels to these. None is no weight and is passed over.

        Args:
            variable: The weight, or None.
            axes: One label vector or None per axis.
            reads: The axes on which the weight consumes channels.
            inner: Those of `reads` whose channels the same layer makes.
            share: What the kept entries are multiplied by.
        """
        if variable is None:
            return
        axes = tuple(axes)
        if id(variable) in self._ledger.held:
            self.freeze(axes, self._ledger.held[id(variable)])
        known = self._ledger.weights.get(id(variable))
        if known is None:
            index = next(i for i, weight in enumerate(self.layer.weights) if weight is variable)
            self._ledger.weights[id(variable)] = WeightLabels(
                self.path,
                index,
                tuple(variable.shape),
                axes,
                *(_positive(side, axes) for side in (reads, inner)),
                share,
            )
            return
        why = f"{self.name} is called several times with the same weights"
        for first, second in zip(known.axes, axes, strict=True):
            if first is not None or second is not None:
                self.tie(_vector(first), _vector(second), why)

    def labels_of(self, variable) -> Labels | None:
        """The labels of a weight that a rule has spoken for."""
        known = self._ledger.weights.get(id(variable))
        return None if known is None else known.axes

    def set(self, key: str, value: object) -> None:
        """An entry of the layer's configuration follows the channels: a number, `Count`, `Pick` or a tuple of them."""
        edits = self._ledger.edits.setdefault(self.path, {})
        self._agree(edits.setdefault(key, value), value)

    def argument(self, position: int, value: Pick | Count | slice) -> None:
        """A constant among the flattened `(args, kwargs)` of the call follows the channels; a slice may hold counts."""
        self._picks[position] = value

    def scale(self, share: Share) -> None:
        """What the output of this operation is multiplied by, because it no longer sees the channels that are gone."""
        self._share = share

    def macs(self, variable, over: Labels = (), sizes: Sequence[int] = (), factor: float = 1.0) -> None:
        """Count the multiply-accumulates of a weight that is applied once at each of the positions.

        Args:
            variable: The weight; each of its entries is one multiply-accumulate at one position.
            over: The labels of the axes over which it is applied, where they carry channels.
            sizes: The lengths of these axes.
            factor: What else the count is multiplied with.
        """
        weight = self._ledger.weights[id(variable)]
        self.multiply((*weight.axes, *over), (*weight.shape, *sizes), factor)

    def multiply(self, labels: Labels, sizes: Sequence[int], factor: float = 1.0) -> None:
        """Count `factor` times the product of the sizes as multiply-accumulates; labelled axes count what is kept."""
        rest = math.prod(size for vector, size in zip(labels, sizes, strict=True) if vector is None)
        axes = tuple(vector for vector in labels if vector is not None)
        self._ledger.macs.append(Term(self.path, factor * rest, axes))

    def positions(self, *without: int, output: bool = True) -> tuple[Labels, tuple[int, ...]]:
        """Labels and sizes of all axes of the first output (or input) but the batch and those in `without`."""
        sizes = (self.output_sizes if output else self.sizes)[0]
        skip = {0, *(axis % len(sizes) for axis in without)}
        axes = [axis for axis in range(len(sizes)) if axis not in skip]
        same = len(sizes) == len(self.labels)
        labels = tuple(self.labels[axis] if same and self.labels[axis] is not None else None for axis in axes)
        return labels, tuple(sizes[axis] for axis in axes)

    def carrier(self, channels: np.ndarray, count: int) -> int:
        """Which of `count` axes, among which these channels are dealt out, shall lose them in whole slices."""
        number = self._ledger.carriers.get(self.call.key, 0) % count
        self._ledger.splits[self.call.key] = (channels, count)
        return number

    def activated(self, labels: Labels, activation, axis: int = -1) -> Labels:
        """The labels behind an activation; one that mixes channels freezes them.

        A softmax mixes one axis; of anything else that is not elementwise it is not known which axes it mixes.
        """
        if activation is not None and not is_elementwise(activation):
            name = getattr(activation, "__name__", type(activation).__name__)
            mixed = (labels[axis],) if activation in _OF_ONE_AXIS else labels
            self.freeze(mixed, f"the activation {name} of {self.name} mixes the channels")
        return labels

    def inexact(self, why: str) -> bool:
        """Whether the trace was asked to let this kind of layer lose channels inexactly; if so, `why` is filed."""
        wanted = type(self.layer).__name__ in self._ledger.wanted
        if wanted:
            self._ledger.inexact.setdefault(self.path, why)
        return wanted

    def ours(self, why: str) -> None:
        """Say that a layer of this package stands in the slimmed model, and why."""
        self._ledger.ours.setdefault(self.path, why)

    def decline(self, why: str) -> list[Labels]:
        """Leave the call alone: all that goes in stays, what comes out carries no channels."""
        for labels in self.inputs:
            self.freeze(labels, why)
        self._ledger.declined.setdefault(self.path, why)
        for variable in getattr(self.layer, "weights", ()):  # other calls and layers may give them labels
            self._ledger.held.setdefault(id(variable), why)
            self.freeze(self.labels_of(variable), why)
        return [self.unlabelled(index) for index in range(len(self.output_shapes))]

    def _agree(self, first: object, second: object) -> None:
        """Two calls of one layer have one configuration: tie the channels that two values for it follow."""
        if first is second:
            return
        if isinstance(first, (tuple, list)) and isinstance(second, (tuple, list)):
            for one, other in zip(first, second, strict=True):
                self._agree(one, other)
            return
        vectors = [vector for value in (first, second) for vector in _followed(value)]
        if len(vectors) == 2 and len(vectors[0]) == len(vectors[1]):
            self.tie(*vectors, f"{self.name} is called several times with one configuration")
            return
        for vector in vectors:
            self.freeze(vector, f"{self.name} is called several times, not always with channels there")

    def close(self, outputs: Sequence[Labels]) -> None:
        """File the call in the ledger."""
        reads = tuple(tuple(sorted(axes)) for axes in self._reads)
        self._ledger.calls.append(
            CallLabels(self.call.key, self.path, self.inputs, tuple(outputs), reads, dict(self._picks), self._share)
        )


_OF_ONE_AXIS = (keras.activations.softmax, keras.activations.log_softmax)


def symbolic(shape: Sequence[int], tensor: keras.KerasTensor) -> keras.KerasTensor:
    """A stand-in for `tensor` with the given shape."""
    return keras.KerasTensor(shape, dtype=tensor.dtype, sparse=tensor.sparse)


def _followed(value: object) -> list[np.ndarray]:
    """The label vectors that a value of a configuration follows."""
    if isinstance(value, (Count, Share, Whole)):
        return [value.labels]
    return [vector for vector in value.axes if vector is not None] if isinstance(value, Pick) else []


def _positive(places: tuple[int, ...], axes: Labels) -> tuple[int, ...]:
    return tuple(place % len(axes) for place in places)


def _vector(labels: np.ndarray | None) -> np.ndarray:
    return np.zeros(1, int) if labels is None else labels
