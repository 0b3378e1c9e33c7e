"""Where the labels go when a tensor is reshaped."""

import math

import numpy as np

from kerasprune.core import Labels
from kerasprune.graph.site import Shape, Site


def reshape_labels(site: Site, labels: Labels, shape: Shape, new_shape: Shape, preferred: int | None = None) -> Labels:
    """The labels after a reshape that keeps the order of the entries.

    The two shapes are cut, from the last axis to the first, into the smallest blocks of equal size. Within a block,
    axes that merge repeat or tile their labels. Where a channel axis is split, either the labels vary along one of
    the new axes only, which then carries them, or whole slices of one new axis live or die together.

    Args:
        site: The call, for ties and reasons.
        labels: One vector or None per axis of `shape`.
        shape: The shape before, None for unknown dimensions.
        new_shape: The shape after.
        preferred: The new axis whose slices go as a whole, if there is a choice; the first one by default.
    """
    outputs: list[np.ndarray | None] = [None] * len(new_shape)
    i, j = len(shape), len(new_shape)
    while i and j:
        start_i, start_j = _block(shape, new_shape, i, j)
        if start_i is None:
            break
        inside = None if preferred is None or not start_j <= preferred < j else preferred - start_j
        block = _reshape_block(site, labels[start_i:i], shape[start_i:i], new_shape[start_j:j], inside)
        outputs[start_j:j] = block
        i, j = start_i, start_j
    site.freeze(labels[:i], f"{site.name} folds these channels into an axis of unknown length")
    return tuple(outputs)


def _block(shape: Shape, new_shape: Shape, i: int, j: int) -> tuple[int | None, int | None]:
    """Where the last block of equal size begins, in axes that end before `i` and `j`; (None, None) if it is unknown."""
    i, j = i - 1, j - 1
    old, new = shape[i], new_shape[j]
    if old is None and new is None:
        return i, j
    while old is not None and new is not None and old != new:
        if old < new:
            i -= 1
            old = old * shape[i] if i >= 0 and shape[i] is not None else None
        else:
            j -= 1
            new = new * new_shape[j] if j >= 0 and new_shape[j] is not None else None
    return (None, None) if old is None or new is None else (i, j)


def _reshape_block(site: Site, labels: Labels, shape: Shape, new_shape: Shape, preferred: int | None) -> Labels:
    labelled = [axis for axis, vector in enumerate(labels) if vector is not None]
    if not labelled:
        return (None,) * len(new_shape)
    widest = max(labelled, key=lambda axis: shape[axis])
    for axis in labelled:
        if axis != widest:
            site.freeze(labels[axis], f"{site.name} merges two axes of channels")
    aligned = labels[widest].reshape([-1 if axis == widest else 1 for axis in range(len(shape))])
    flat = np.broadcast_to(aligned, shape).reshape(-1)
    wide = [axis for axis, size in enumerate(new_shape) if size != 1]
    carrier = wide[0] if wide else len(new_shape) - 1
    if len(wide) <= 1:
        return tuple(flat if axis == carrier else None for axis in range(len(new_shape)))
    table = flat.reshape(new_shape)
    if preferred in wide:
        carrier = preferred
    carrier = next((axis for axis in wide if _varies_along(table, axis)), carrier)
    rows = np.moveaxis(table, carrier, 0).reshape(new_shape[carrier], math.prod(new_shape) // new_shape[carrier])
    site.tie(rows[:, :1], rows, f"{site.name} splits them into blocks, which go as a whole")
    return tuple(rows[:, 0].copy() if axis == carrier else None for axis in range(len(new_shape)))


def _varies_along(table: np.ndarray, axis: int) -> bool:
    """Whether the entries are the same along every other axis."""
    return all((table == np.take(table, [0], other)).all() for other in range(table.ndim) if other != axis)
