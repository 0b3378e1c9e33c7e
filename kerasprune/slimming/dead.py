"""Channels that zeros in the weights have killed: nobody reads them, or they are constants."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import Opened, operations
from kerasprune.slimming.constants import ConstantReads, constant_reads


@dataclass(frozen=True, eq=False)
class Dead:
    """What can be removed from a model without a change of its function.

    Attributes:
        keep: bool (num_ids,), False for what is dead; every group keeps at least one id.
        biases: Path of a layer to what its bias takes over from constants that are removed: float (width,).
        reasons: Sentences about constants that stay.
    """

    keep: np.ndarray
    biases: Mapping[str, np.ndarray]
    reasons: tuple[str, ...]


def find_dead(model: keras.Model, graph: ChannelGraph) -> Dead:
    """Find the channels that no weight reads, and those that are constants and can move into the next bias.

    A channel is a constant where all weights that make it are zero, or have constants as their inputs. It can move
    where each of its readers is a layer with one product and a bias, called once, and adds the same for it at
    every position: a constant other than zero in front of a convolution that pads does not.

    Args:
        model: A functional model.
        graph: Its trace.
    """
    used = _used(model, graph)
    free = ~graph.frozen
    covered = _ids(graph, [w for w in graph.weights if w.reads])
    unread = free & covered & ~np.logical_or.reduce([*used.values(), np.zeros(graph.num_ids, bool)])
    for call in graph.calls:  # whoever reads without a weight may need the channel
        unread &= ~(_read_by(graph, call) & ~_ids(graph, [w for w in graph.weights if w.layer == call.operation]))
    reads = constant_reads(model, graph)
    movable, reasons = _movable(graph, used, reads)
    keep = ~unread & ~movable
    for group in graph.groups:
        if not keep[group.ids].any():
            keep[group.ids[0]] = True
    removed = movable & ~unread & ~keep
    biases = {path: read.response[:, removed[read.ids]].sum(axis=1) for path, read in reads.items()}
    return Dead(keep, {path: bias for path, bias in biases.items() if bias.any()}, reasons)


def without_dead(opened: Opened) -> keras.Model:
    """The model without what is dead, and without what dies when that is gone.

    Args:
        opened: A model; it is not touched.

    Returns:
        A new model with the same function.
    """
    while True:
        dead = find_dead(opened.runs.flat, opened.runs.graph)
        copy = opened.copy()
        if dead.keep.all():
            return copy
        found = operations(copy)
        for path, bias in dead.biases.items():
            own = found[opened.name(path)].bias
            own.assign_add(bias.astype("float32").reshape(own.shape))
        opened = opened.changed(copy).cut(dead.keep)


def _used(model: keras.Model, graph: ChannelGraph) -> dict[str, np.ndarray]:
    """Path of a layer to bool (num_ids,): whether one of its weights that read an id is not zero there."""
    found = operations(model)
    used: dict[str, np.ndarray] = {}
    for weight in graph.weights:
        value = keras.ops.convert_to_numpy(found[weight.layer].weights[weight.index])
        for axis in weight.reads:
            if weight.axes[axis] is not None:
                others = tuple(other for other in range(value.ndim) if other != axis)
                flags = used.setdefault(weight.layer, np.zeros(graph.num_ids, bool))
                np.logical_or.at(flags, weight.axes[axis], (value != 0).any(axis=others))
    return used


def _ids(graph: ChannelGraph, weights) -> np.ndarray:
    """The ids that these weights read: bool (num_ids,)."""
    flags = np.zeros(graph.num_ids, bool)
    for weight in weights:
        for axis in weight.reads:
            if weight.axes[axis] is not None:
                flags[weight.axes[axis]] = True
    return flags


def _read_by(graph: ChannelGraph, call) -> np.ndarray:
    """The ids that a call reads: bool (num_ids,)."""
    flags = np.zeros(graph.num_ids, bool)
    for labels, axes in zip(call.inputs, call.reads, strict=True):
        for axis in axes:
            flags[labels[axis]] = True
    return flags


def _movable(graph: ChannelGraph, used, reads: Mapping[str, ConstantReads]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which ids are constants that every reader can take over or ignores, and why others that are constants cannot."""
    nothing = np.zeros(graph.num_ids, bool)
    movable = ~graph.frozen & ~_ids(graph, [w for w in graph.weights if w.inner])
    constant, read, reasons = nothing.copy(), nothing.copy(), []
    for call in graph.calls:
        needed = _read_by(graph, call)
        if call.operation in used:
            weighted = _ids(graph, [w for w in graph.weights if w.layer == call.operation])
            needed &= used[call.operation] | ~weighted
        read |= needed
        taken = nothing.copy()
        if call.operation in reads:
            found = reads[call.operation]
            constant[found.ids] = True
            taken[found.ids] = found.uniform if not found.reason else False
            stay = needed[found.ids] & ~taken[found.ids]
            if stay.any():
                reasons.append(
                    f"{np.count_nonzero(stay)} channels that `{call.operation}` reads are constants, but stay: "
                    f"{found.reason or 'it pads its input, so what they add is not the same everywhere'}."
                )
        movable &= ~needed | taken
    return movable & read & constant, tuple(dict.fromkeys(reasons))
