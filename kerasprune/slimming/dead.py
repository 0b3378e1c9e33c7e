"""Channels that zeros in the weights have killed: nobody reads them, or they are constants."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import Opened, operations
from kerasprune.slimming.constants import ConstantReads, constant_reads
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.opening import without_masks


@dataclass(frozen=True, eq=False)
class Alive:
    """A model without what is dead.

    Attributes:
        model: The model.
        keep: bool (num_ids,), what is left of the ids of the model before.
        constants: Sentences about constants that stay.
        masks: Path of every mask that stays to the reason.
    """

    model: keras.Model
    keep: np.ndarray
    constants: tuple[str, ...] = ()
    masks: Mapping[str, str] = field(default_factory=dict)


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
    unread, movable, reads, reasons = _dead_channels(model, graph)
    keep = ~unread & ~movable
    for group in graph.groups:
        if not keep[group.ids].any():
            keep[group.ids[0]] = True
    removed = movable & ~unread & ~keep
    biases = {path: read.response[:, removed[read.ids]].sum(axis=1) for path, read in reads.items()}  # (width,) or (0,)
    return Dead(keep, {path: bias for path, bias in biases.items() if bias.any()}, reasons)


def removable(model: keras.Model, graph: ChannelGraph) -> np.ndarray:
    """The ids that can go without a change of the function, were it not that of every group one must stay.

    Returns:
        bool (num_ids,).
    """
    unread, movable, *_ = _dead_channels(model, graph)
    return unread | movable


def _dead_channels(model: keras.Model, graph: ChannelGraph):
    """What no weight reads, bool (num_ids,), which constants every reader can do without, the reads, and sentences."""
    used = _used(model, graph)
    free = ~graph.frozen
    covered = _ids(graph, [w for w in graph.weights if w.reads])
    unread = free & covered & ~np.logical_or.reduce([*used.values(), np.zeros(graph.num_ids, bool)])
    for call in graph.calls:  # whoever reads without a weight may need the channel
        unread &= ~(_read_by(graph, call) & ~_ids(graph, [w for w in graph.weights if w.layer == call.operation]))
    reads = constant_reads(model, graph)
    movable, reasons = _movable(graph, used, reads)
    return unread, movable, reads, reasons


def without_dead(opened: Opened) -> Alive:
    """The model without what is dead, and without what dies when that is gone.

    Args:
        opened: A model; it is not touched.

    Returns:
        A new model with the same function, without the masks that have nothing left to remove.
    """
    kept = opened.graph.keep_all()
    origin = np.arange(len(kept))
    while True:
        dead = find_dead(opened.runs.flat, opened.runs.graph)
        copy = opened.copy()
        found = operations(copy)
        for path, bias in dead.biases.items():
            own = found[opened.name(path)].bias
            own.assign_add(bias.astype("float32").reshape(own.shape))
        if dead.keep.all():
            return Alive(
                without_masks(copy, lambda mask: mask.keep.all()), kept, dead.reasons, _about_masks(copy, opened.graph)
            )
        kept[origin[~dead.keep]] = False
        origin = origin[dead.keep]
        opened = opened.changed(copy).cut(dead.keep)


def _about_masks(model: keras.Model, graph: ChannelGraph) -> dict[str, str]:
    """Why masks stay, by their paths."""
    groups = {number: group for group in graph.groups for number in group.ids.tolist()}
    reasons, found = {}, operations(model)
    for call in graph.calls:
        mask = found[call.operation]
        if not isinstance(mask, NeuronMask) or mask.keep.all():
            continue
        labels = call.inputs[0][mask.axis]
        if labels is None or not labels.any():
            why = "nothing along its axis is a channel that can go"
        else:
            group = groups.get(int(labels[~mask.keep].max()))
            left = "of every group one channel must stay" if group is not None and group.width == 1 else None
            why = (group and group.frozen) or left or "not all that read these channels read zero"
        reasons[call.operation] = f"it stays, with {np.count_nonzero(~mask.keep)} channels removed: {why}"
    return reasons


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
            taken[found.ids] = found.uniform
            stay = needed[found.ids] & ~taken[found.ids]
            if stay.any():
                reasons.append(
                    f"{np.count_nonzero(stay)} channels that `{call.operation}` reads are constants, but stay: "
                    f"{found.reason or 'it pads its input, so what they add is not the same everywhere'}."
                )
        movable &= ~needed | taken
    return movable & read & constant, tuple(dict.fromkeys(reasons))
