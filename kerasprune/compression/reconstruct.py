"""Consumers of removed channels repay the loss by least squares, on unlabelled data and without training."""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasprune.compression.linear_parts import PARTS, rows
from kerasprune.compression.recovery import Damage, Repair, recovery
from kerasprune.core import ChannelGraph, DataError, batches
from kerasprune.graph import Node, Rebuild, compile_like, operations, trace, unroll

MOST_UNKNOWNS = 8192  # per output of a layer; the normal equations hold the square of it


def reconstruct(
    model: keras.Model,
    graph: ChannelGraph,
    keep: np.ndarray,
    small: keras.Model,
    data: Any,
    *,
    damping: float = 1e-4,
    batch_size: int = 32,
    limit: int | None = None,
) -> keras.Model:
    """Change the weights of a slimmed model so that its layers put out again what they put out before the cut.

    Layer by layer, in the order of execution, the kernel and the bias of every Dense layer and convolution that
    reads something that the cut has changed minimise the squared difference between what they make of the
    slimmed model's own activations and what the layer made in the model before, before its activation function:
    `min |P (W + D) + b + d - Y|^2 + damping * s * |D|^2`, where the rows of `P` are what the layer sees, `s` is the
    mean square of its columns, and the change `D`, `d` is zero where nothing is lost. Later layers see what the
    repaired ones put out, so errors do not add up. The normal equations are summed batch by batch.

    Args:
        model: The model before the cut.
        graph: Its trace.
        keep: bool (num_ids,), what is left of it.
        small: The slimmed model; it is not touched.
        data: Any data that `kerasprune.core.batches` takes and that can be read again; labels are not used.
        damping: How strongly the weights are held where they are, as a fraction of the mean square of a column.
        batch_size: Samples that are run together, for arrays.
        limit: Samples that are used at most; None for all.

    Returns:
        A new model with the architecture of `small`.

    Raises:
        DataError: An activation is not finite, or the data does not fit.

    Reference:
        He, Zhang and Sun, Channel Pruning for Accelerating Very Deep Neural Networks, ICCV 2017, equation 5, and Luo
        et al., ThiNet, ICCV 2017, section 3.2, for least squares after a cut; both without the damping.
    """
    damage = Damage(model, graph, keep, small, data, batch_size, limit)
    return _repaired(damage, damping)[0]


@recovery("reconstruct")
def reconstructed(damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
    """Kernels and biases repay the loss by least squares; see `reconstruct`."""
    return _repaired(damage, damping=1e-4)


@recovery("bias")
def biases_repaid(damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
    """Biases take the mean of what is lost; kernels stay."""
    return _repaired(damage, damping=np.inf)


def _repaired(damage: Damage, damping: float) -> tuple[keras.Model, tuple[Repair, ...]]:
    small = unroll(damage.small)
    before = _Inputs(unroll(damage.model), damage.graph)
    after = _Inputs(small, trace(small))
    keep = damage.graph.complete(damage.keep)
    outputs = {weight.layer: weight.axes[-1] for weight in damage.graph.weights if weight.index == 0}
    repairs = []
    for path in after.changed_by(damage.graph, keep):
        reason = after.obstacle(path)
        if reason:
            repairs.append(Repair(path, None, None, reason))
            continue
        made = outputs.get(path)
        kept = slice(None) if made is None else keep[made]
        repairs.append(_repair(path, before, after, kept, damage, damping))
    new = Rebuild(after.graph).run(small)
    found = operations(new)
    for path, layer in after.layers.items():
        if type(layer) in PARTS:
            found[path].set_weights(layer.get_weights())
    compile_like(new, damage.small)
    return new, tuple(repairs)


class _Inputs:
    """A flat copy of a model, its layers, and the tensors that they read."""

    def __init__(self, model: keras.Model, graph: ChannelGraph):
        self.graph = graph
        self.read: dict[str, list[keras.KerasTensor]] = {}
        self.calls: list[tuple[str, list, list]] = []
        self.layers: dict[str, keras.Operation] = {}

        def call(node: Node, operation, args, kwargs):
            tensors = [leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, keras.KerasTensor)]
            self.read.setdefault(node.path, []).append(tensors[0] if tensors else None)
            self.layers[node.path] = operation
            outputs = operation(*args, **kwargs)
            self.calls.append((node.path, tensors, keras.tree.flatten(outputs)))
            return outputs

        self.flat = Rebuild(graph).run(model, call, nested=False)

    def changed_by(self, graph: ChannelGraph, keep: np.ndarray) -> list[str]:
        """The layers that read something that the cut has changed, in the order of execution."""
        changed: set[int] = set()
        lost = {
            weight.layer
            for weight in graph.weights
            if any(weight.axes[axis] is not None and not keep[weight.axes[axis]].all() for axis in weight.reads)
        }
        found: dict[str, None] = {}
        for path, inputs, outputs in self.calls:
            if path in lost or any(id(tensor) in changed for tensor in inputs):
                changed.update(map(id, outputs))
                if getattr(self.layers[path], "kernel", None) is not None:
                    found[path] = None
        return list(found)

    def obstacle(self, path: str) -> str:
        """Why the layer cannot be repaired; empty if it can."""
        layer = self.layers[path]
        if type(layer) not in PARTS:
            return f"there is no least squares for {type(layer).__name__}"
        if len(self.read[path]) > 1:
            return f"it is called {len(self.read[path])} times"
        unknowns = int(np.prod(layer.kernel.shape[:-1]))
        if getattr(layer, "groups", 1) > 1:
            return "it has several groups"
        return f"{unknowns} unknowns are more than {MOST_UNKNOWNS}" if unknowns > MOST_UNKNOWNS else ""

    def of(self, path: str, x) -> np.ndarray:
        """What the layer reads."""
        tensor = self.read[path][0]
        outputs = keras.Model(self.flat.inputs, tensor)(keras.tree.flatten(x), training=False)
        return keras.ops.convert_to_numpy(outputs)


def _repair(path: str, before: _Inputs, after: _Inputs, kept, damage: Damage, damping: float) -> Repair:
    layer, whole = after.layers[path], before.layers[path]
    kernel, bias = _weights(layer)
    target_kernel, target_bias = _weights(whole)
    sums = _Sums(len(kernel) + 1, kernel.shape[1])
    for batch in batches(damage.data, damage.batch_size, limit=damage.limit):
        target = rows(whole, before.of(path, batch.x)) @ target_kernel[:, kept] + target_bias[kept]
        seen = rows(layer, after.of(path, batch.x))
        if not (np.isfinite(seen).all() and np.isfinite(target).all()):
            raise DataError(f"What `{path}` reads holds NaN or infinity. Check the weights and the data.")
        sums.add(seen, target, seen @ kernel + bias)
    change = sums.change(damping, movable_bias=layer.bias is not None)
    new_kernel, new_bias = kernel + change[:-1], bias + change[-1]
    layer.set_weights([new_kernel.reshape(layer.kernel.shape), *([new_bias] if layer.bias is not None else [])])
    few = sums.count < len(kernel)
    note = f"{sums.count} rows for {len(kernel)} unknowns: held by the damping" if few else ""
    return Repair(path, sums.error(np.zeros_like(change)), sums.error(change), note)


def _weights(layer) -> tuple[np.ndarray, np.ndarray]:
    """The kernel, float64 (unknowns, outputs), and the bias, zeros where there is none."""
    kernel, *bias = layer.get_weights()
    kernel = kernel.reshape(-1, kernel.shape[-1]).astype(float)
    return kernel, bias[0].astype(float) if bias else np.zeros(kernel.shape[1])


@dataclasses.dataclass
class _Sums:
    """The normal equations of one layer; the last row and column are those of the bias."""

    unknowns: int
    outputs: int

    def __post_init__(self):
        self.gram = np.zeros((self.unknowns, self.unknowns))
        self.cross = np.zeros((self.unknowns, self.outputs))
        self.residual = self.squares = 0.0
        self.mean = np.zeros(self.outputs)
        self.count = 0

    def add(self, seen: np.ndarray, target: np.ndarray, found: np.ndarray) -> None:
        """Rows (n, unknowns - 1), what they should give and what they give now, (n, outputs) both."""
        seen = np.concatenate([seen, np.ones((len(seen), 1), seen.dtype)], axis=1)
        missing = target - found
        self.gram += seen.T @ seen
        self.cross += seen.T @ missing
        self.residual += float(np.square(missing).sum())
        self.squares += float(np.square(target).sum())
        self.mean += target.sum(axis=0)
        self.count += len(seen)

    def change(self, damping: float, movable_bias: bool) -> np.ndarray:
        """What to add to kernel and bias: float (unknowns, outputs)."""
        change = np.zeros_like(self.cross)
        if np.isinf(damping):
            if movable_bias:
                change[-1] = self.cross[-1] / self.count
            return change
        size = self.unknowns if movable_bias else self.unknowns - 1
        scale = np.trace(self.gram[:-1, :-1]) / max(self.unknowns - 1, 1)
        held = np.full(size, damping * scale)
        if movable_bias:
            held[-1] = 0.0
        if scale > 0:
            change[:size] = np.linalg.solve(self.gram[:size, :size] + np.diag(held), self.cross[:size])
        elif movable_bias:  # nothing comes in any more
            change[-1] = self.cross[-1] / self.count
        return change

    def error(self, change: np.ndarray) -> float:
        """The squared error after a change, over the variance of the target."""
        error = self.residual - 2 * np.sum(change * self.cross) + np.sum(change * (self.gram @ change))
        variance = self.squares - float(np.square(self.mean).sum()) / max(self.count, 1)
        return float(max(error, 0.0) / variance) if variance > 0 else 0.0
