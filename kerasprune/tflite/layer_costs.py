"""What every layer of a model costs at any widths, from a table of layers that were timed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import LinearLayer, find_linear_layer, operations
from kerasprune.tflite.latency_table import LatencyTable
from kerasprune.tflite.layer_file import LayerShape

# One axis: the ids along it, or where it carries none, its length.
_Axis = np.ndarray | int


@dataclass(frozen=True, eq=False)
class Product:
    """One product of a layer.

    Attributes:
        layer: Its path.
        shape: What it is, apart from widths.
        times: How often it is made.
        reads: The axes that it sums over.
        makes: Those along which it makes channels.
    """

    layer: str
    shape: LayerShape
    times: int
    reads: tuple[_Axis, ...]
    makes: tuple[_Axis, ...]

    @property
    def full(self) -> tuple[int, int]:
        """What it reads and makes in the whole model."""
        return math.prod(map(_length, self.reads)), math.prod(map(_length, self.makes))

    def counts(self, keep: np.ndarray) -> tuple[int, int]:
        """What it reads and makes of a model that is cut."""
        reads, makes = (math.prod(_kept(axis, keep) for axis in axes) for axes in self._axes)
        return reads, makes

    def along(self, keep: np.ndarray, order: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same when the first 0, `cuts[0]`, `cuts[1]`, ... of `order` are gone as well: float (cuts + 1,) each."""
        ends = np.concatenate([[0], cuts])
        found = []
        for axes in self._axes:
            count = np.ones(len(ends))
            for axis in axes:
                count = count * (axis if isinstance(axis, int) else _left(axis, keep, order, ends))
            found.append(count)
        return found[0], found[1]

    def touches(self, ids: np.ndarray) -> bool:
        """Whether its widths depend on these."""
        return any(isinstance(a, np.ndarray) and np.isin(a, ids).any() for axes in self._axes for a in axes)

    @property
    def _axes(self) -> tuple[tuple[_Axis, ...], tuple[_Axis, ...]]:
        return self.reads, self.makes


def _length(axis: _Axis) -> int:
    return axis if isinstance(axis, int) else len(axis)


def _kept(axis: _Axis, keep: np.ndarray) -> int:
    return axis if isinstance(axis, int) else int(np.count_nonzero(keep[axis]))


def _left(labels: np.ndarray, keep: np.ndarray, order: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How many entries of an axis are left after each end: float (ends,)."""
    entries = np.bincount(labels, minlength=len(keep)) * keep
    return entries.sum() - np.concatenate([[0], np.cumsum(entries[order])])[ends]


class LayerCosts:
    """The predicted milliseconds of a model, layer by layer, for any `keep`.

    Layers that multiply are looked up. What else a model takes, such as joins, pooling and the runtime itself, is the
    `rest`: it shrinks with the numbers that the layers put out.

    Args:
        model: A plain model.
        graph: Its trace.
        table: The table.
        whole: The milliseconds of the whole model, where they were measured; the rest is what the layers leave of it.
    """

    def __init__(self, model: keras.Model, graph: ChannelGraph, table: LatencyTable, whole: float = 0.0):
        self.graph, self._table = graph, table
        self._parts = tuple(parts_of(model, graph))
        self._known: dict[tuple, float] = {}
        self._touched: dict[int, list[Product]] = {}
        everything = graph.keep_all()
        self._rest = max(0.0, whole - sum(self.layers(everything).values()))
        self._outputs = self._put_out(everything)
        table.save()

    def layers(self, keep: np.ndarray) -> dict[str, float]:
        """Path of a layer to its milliseconds; those that do not multiply are not among them."""
        found: dict[str, float] = {}
        for part in self._parts:
            found[part.layer] = found.get(part.layer, 0.0) + self._ms(part, *part.counts(keep))
        return found

    def rest(self, keep: np.ndarray) -> float:
        """The milliseconds of all else."""
        return self._rest * self._put_out(keep) / (self._outputs or 1)

    def total(self, keep: np.ndarray) -> float:
        """The milliseconds of the model."""
        return sum(self.layers(keep).values()) + self.rest(keep)

    def along(self, keep: np.ndarray, ids: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """The milliseconds of what some ids take part in, when more and more of them are gone.

        Args:
            keep: bool (num_ids,), what is left of the model.
            ids: int (n,), in the order in which they go.
            cuts: int (k,), increasing: so many of them are gone.

        Returns:
            float (k + 1,), first that of `keep`; what does not change is not in it.
        """
        total = np.zeros(len(cuts) + 1)
        for part in self._touching(ids):
            reads, makes = part.along(keep, ids, cuts)
            total += part.times * self._table.ms(part.shape, part.full, reads, makes)
            share = self._rest / (self._outputs or 1)
            total += share * part.times * math.prod(part.shape.positions) * makes
        return total

    def _touching(self, ids: np.ndarray) -> list[Product]:
        """The products whose widths depend on some ids of a group."""
        key = int(ids.min()) if len(ids) else 0  # no two groups have one id
        if key not in self._touched:
            self._touched[key] = [part for part in self._parts if part.touches(ids)]
        return self._touched[key]

    def _put_out(self, keep: np.ndarray) -> float:
        """The numbers that all layers put out for a sample."""
        return sum(p.times * math.prod(p.shape.positions) * p.counts(keep)[1] for p in self._parts)

    def _ms(self, part: Product, reads: float, makes: float) -> float:
        key = (id(part), reads, makes)
        if key not in self._known:
            found = self._table.ms(part.shape, part.full, np.array([reads]), np.array([makes]))
            self._known[key] = part.times * float(found[0])
        return self._known[key]


def parts_of(model: keras.Model, graph: ChannelGraph) -> Iterator[Product]:
    """The products that a model is made of; a layer that is called several times makes its own as often."""
    labels = {(weight.layer, weight.index): weight.axes for weight in graph.weights}
    macs = _macs(graph)
    for path, layer in operations(model).items():
        described = find_linear_layer(layer)
        if described is None or not getattr(layer, "built", False):
            continue
        for product in (described.first, described):
            index = None if product is None else _index(layer, product)
            if product is None or index is None:
                continue
            size = math.prod(product.kernel.shape)
            share = size / sum(math.prod(p.kernel.shape) for p in (described.first, described) if p is not None)
            positions = round(macs.get(path, 0.0) * share / size)
            if positions:
                yield _part(path, product, labels.get((path, index), ()), positions)


def _part(path: str, product: LinearLayer, labels: tuple, positions: int) -> Product:
    """A product over so many positions."""
    kernel = tuple(product.kernel.shape)
    axes = [labels[i] if labels and labels[i] is not None else int(kernel[i]) for i in range(len(kernel))]
    taps = [int(kernel[i]) for i in product.taps]
    blocks, reads, makes = (tuple(axes[i] for i in found) for found in (product.blocks, product.reads, product.makes))
    stride = max(np.ravel(getattr(product.layer, "strides", 1)).tolist())
    spreads = product.reads == (-1,)  # a transposed convolution multiplies where it reads
    if spreads:
        makes, taps, stride = (*makes, *taps), [], 1
    grid = _nearly_square(positions)
    window = (math.prod(taps[:-1]), taps[-1]) if taps else (1, 1)
    if blocks and taps:
        return Product(path, LayerShape(window, stride, grid, depthwise=True), 1, (1,), (*blocks, *makes))
    if blocks:  # products side by side are made one after the other
        times = math.prod(map(_length, blocks))
        return Product(path, LayerShape(positions=grid), times, reads, makes)
    return Product(path, LayerShape(window, stride, grid, product.groups), 1, reads, makes)


def _index(layer: keras.layers.Layer, product: LinearLayer) -> int | None:
    """The position of the kernel among the weights of its layer."""
    kernel = product.kernel
    return next((index for index, weight in enumerate(layer.weights) if weight is kernel), None)


def _macs(graph: ChannelGraph) -> dict[str, float]:
    """Path of a layer to its multiply-accumulates for one sample."""
    return {path: macs for path, (_, macs) in graph.cost_table.per_layer(graph.keep_all()).items()}


def _nearly_square(positions: int) -> tuple[int, int]:
    """Height and width with this product, or about it: what is counted are positions, not where they lie."""
    side = math.isqrt(positions)
    return side, round(positions / side)
