"""What read a removed channel reads a kept one that is like it."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph, WeightLabels
from kerasprune.evidence.moments import Moments, pooled, read_moments
from kerasprune.graph import LinearLayer, Program, find_linear_layer, operations
from kerasprune.recoveries.recovery import Damage, Repair, recovery
from kerasprune.recoveries.repairable import changed_layers


@recovery("merge")
@dataclass(frozen=True)
class Merge:
    """The weights of a removed channel go to the kept one of its group that is most correlated with it.

    With `x_j = a x_i + b` by least squares on the data, a reader's weights for `i` get `a` times those for `j`, and its
    bias gets `b` times them; without a bias, and for a transposed convolution, which makes of a constant something else
    at every position, `b` is 0. For a Dense layer and a convolution without padding that is as good as the fit of
    `x_j`; where a convolution pads with zeros the constant is too much at the border, and the repair says so. The
    weights of the readers are made from those of the model before the cut, so that several cuts in a row end where one
    does; what training in between did to them is lost. It is the compensation for the criterion "correlation";
    "reconstruct" does more, with all kept channels in the place of one.

    Reference:
        Babaeizadeh, Smaragdis and Campbell, NoiseOut, arXiv 1611.06211.
    """

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        keep = damage.graph.complete(damage.keep)
        before, after = damage.before.program, Program(damage.after.flat, damage.after.graph, apart=True)
        moments = read_moments(damage.before.flat, damage.graph, damage.sampling.batches())
        tensors = {reader: tensor for tensor in moments for reader in tensor.readers}
        new = damage.after.copy()
        found = operations(new)
        repairs = []
        for path in changed_layers(after, damage.graph, keep):
            kernel = _kernel(damage.graph, path)
            if kernel is None or all(keep[kernel.axes[axis]].all() for axis in kernel.reads):
                continue  # it reads nothing that was removed
            old, kept = find_linear_layer(before.layers[path]), find_linear_layer(found[path])
            reason = _obstacle(before, path, old)
            if reason:
                repairs.append(Repair(path, None, None, reason))
                continue
            repairs.append(_merged(old, kept, tensors[path], kernel, damage.graph, keep))
        return new, tuple(repairs)


def _kernel(graph: ChannelGraph, path: str) -> WeightLabels | None:
    """The labels of a layer's kernel; None if it reads no channels."""
    for weight in graph.weights:
        if weight.layer == path and weight.index == 0 and any(weight.axes[axis] is not None for axis in weight.reads):
            return weight
    return None


def _obstacle(before: Program, path: str, linear: LinearLayer | None) -> str:
    if linear is None or linear.first is not None or linear.blocks or len(linear.reads) != 1:
        return f"there is no merging for {type(before.layers[path]).__name__}"
    if len(before.places[path]) > 1:
        return f"it is called {len(before.places[path])} times"
    return "it has several groups" if linear.groups > 1 else ""


def _merged(
    old: LinearLayer,
    new: LinearLayer,
    tensor: Moments,
    labels: WeightLabels,
    graph: ChannelGraph,
    keep: np.ndarray,
) -> Repair:
    """Give the new layer the weights of the old one, folded; the error is what it makes of the fit of its inputs."""
    reads = labels.axes[old.reads[0]]
    made = np.ones((), bool)
    for axis in old.makes:
        makes = labels.axes[axis]
        made = np.logical_and.outer(made, np.ones(old.kernel.shape[axis], bool) if makes is None else keep[makes])
    made = made.ravel()
    kernel = old.matrix[0][:, made]
    kernel = kernel.reshape(-1, len(reads), kernel.shape[-1])  # (taps, entries, outputs)
    spreads = old.windows is not None and old.windows.spreads
    movable = old.bias is not None and old.bias_axes is not None and not spreads
    mean = tensor.mean if movable else np.zeros(len(reads))
    products = tensor.covariance + np.outer(tensor.mean - mean, tensor.mean - mean)
    fold = _fold(products, reads, graph, keep)
    folded = np.einsum("ke,teo->tko", fold, kernel)
    new.assign(folded.reshape(new.shape))
    if movable:
        constant = mean - mean[keep[reads]] @ fold
        bias = old.bias_row[:, 0, made] + np.einsum("e,teo->o", constant, kernel)
        new.shift_bias(bias - new.bias_row[:, 0])
    squares = np.einsum("teo,tfo->ef", kernel, kernel)
    scale = float(np.sum(squares * products)) or 1.0
    lost = np.diag(1.0 - keep[reads])
    left = np.eye(len(reads))
    left[keep[reads]] -= fold
    before, after = (float(np.sum(squares * (moves.T @ products @ moves))) / scale for moves in (lost, left))
    padded = old.windows is not None and old.windows.padding != "valid" and movable
    return Repair(labels.layer, before, after, "the constant is too much where zeros are padded" if padded else "")


def _fold(products: np.ndarray, labels: np.ndarray, graph: ChannelGraph, keep: np.ndarray) -> np.ndarray:
    """What each entry that is kept stands for: float (kept entries, entries)."""
    fold = np.eye(len(labels))
    for group in graph.groups:
        ids = group.ids[np.isin(group.ids, labels)]
        kept, gone = np.flatnonzero(keep[ids]), np.flatnonzero(~keep[ids])
        if not len(kept) or not len(gone):
            continue
        common = pooled(products, labels, ids)
        squares = np.diag(common)[kept]
        for number in gone:
            factor = np.divide(common[kept, number], squares, out=np.zeros(len(kept)), where=squares > 0)
            best = int(np.argmax(factor * common[kept, number]))  # what of its square is explained
            _move(fold, labels, ids[number], ids[kept[best]], factor[best])
    return fold[keep[labels]]


def _move(fold: np.ndarray, labels: np.ndarray, gone: int, partner: int, factor: float) -> None:
    """Entries of a channel go to those of another, rank by rank."""
    pairs = zip(np.flatnonzero(labels == gone), np.flatnonzero(labels == partner), strict=False)
    for source, target in pairs:
        fold[target, source] = factor
