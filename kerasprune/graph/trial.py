"""Whether a layer without a rule treats every channel alone, found by trying it."""

import contextlib
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kerasprune.core import Labels
from kerasprune.graph.clone import clone_operation
from kerasprune.graph.site import Site

_LARGEST = 1 << 20  # entries of a tensor that is tried
_SCALES = (0.01, 1.0, 30.0, 3000.0)


def probe(site: Site) -> Labels | None:
    """The labels behind a layer or operation that proves to treat every channel alone and alike; None for any other.

    It is run on random values of several sizes. Changing some channels must leave the others as they are, for sets of
    channels that part every pair; the channels in another order, and a part of them, must give the outputs in that
    order, and that part. Every width is tried on a fresh clone, as slimming makes one. Whatever has weights or random
    seeds, takes several tensors, or fails to run, is not tried; nor is a Lambda, whose function may hold anything.
    """
    axis = _only_axis(site)
    if axis is None or getattr(site.layer, "variables", ()) or isinstance(site.layer, keras.layers.Lambda):
        return None
    with contextlib.suppress(Exception):
        rng = np.random.default_rng(0)
        if all(_holds(site, axis, scale, rng) for scale in _SCALES):
            return tuple(vector if other == axis else None for other, vector in enumerate(site.labels))
    return None


def _only_axis(site: Site) -> int | None:
    """The axis of the channels, where one tensor goes in and one comes out, and both have it."""
    labelled = [axis for axis, vector in enumerate(site.labels) if vector is not None] if site.inputs else []
    if len(site.inputs) != 1 or len(site.output_shapes) != 1 or len(labelled) != 1 or labelled == [0]:
        return None
    floating = keras.backend.is_float_dtype(site.call.inputs[0].dtype)
    shapes = (site.shapes[0], site.output_shapes[0])
    same = len(shapes[0]) == len(shapes[1]) and shapes[0][labelled[0]] == shapes[1][labelled[0]]
    return labelled[0] if floating and same and math.prod(site.sizes[0]) <= _LARGEST // 3 else None


def _holds(site: Site, axis: int, scale: float, rng: np.random.Generator) -> bool:
    """Whether the outputs go with the channels, at values of this size."""
    batch = site.shapes[0][0] or 3
    shape = (batch, *site.sizes[0][1:])
    x, other = (scale * _values(rng, shape) for _ in range(2))
    width = shape[axis]
    run = _runner(site, axis)
    y = run(x)
    if y.shape[axis] != width or not _close(run(x), y):
        return False
    for changed in _partitions(width):
        mixed = np.where(changed.reshape([-1 if place == axis else 1 for place in range(x.ndim)]), other, x)
        stays = np.flatnonzero(~changed)
        if not _close(run(mixed).take(stays, axis), y.take(stays, axis)):
            return False
    return all(_close(run(x.take(part, axis)), y.take(part, axis)) for part in _parts(width, rng))


def _values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal values, with some zeros and some large ones."""
    values = rng.standard_normal(shape) * np.exp(rng.standard_normal(shape))
    return np.where(rng.random(shape) < 0.1, 0.0, values).astype("float32")


def _partitions(width: int) -> Iterator[np.ndarray]:
    """bool (width,) arrays such that for any two channels one of them has the first True and the second False."""
    numbers = np.arange(width)
    for bit in range(max(width - 1, 1).bit_length()):
        side = (numbers >> bit & 1).astype(bool)
        yield side
        yield ~side


def _parts(width: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The channels moved on by one, one of them, all but one, and any part of them in order."""
    one = rng.integers(width)
    any_part = np.flatnonzero(rng.random(width) < 0.5)
    parts = [np.roll(np.arange(width), 1), np.array([one]), np.delete(np.arange(width), one), any_part]
    return [part for part in parts if len(part)]


def _runner(site: Site, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """Runs a clone of the operation with the arguments of the call; one clone for each width."""
    clones: dict[int, keras.Operation] = {}

    def run(x: np.ndarray) -> np.ndarray:
        if x.shape[axis] not in clones:
            clones[x.shape[axis]] = clone_operation(site.path, site.layer)
        dtype = site.call.inputs[0].dtype
        args, kwargs = site.call.fill({id(site.call.inputs[0]): keras.ops.convert_to_tensor(x, dtype)})
        return keras.ops.convert_to_numpy(clones[x.shape[axis]](*args, **kwargs))

    return run


def _close(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal up to rounding, of numbers and of infinities."""
    if first.shape != second.shape:
        return False
    scale = np.abs(second[np.isfinite(second)]).max(initial=0.0)
    return np.allclose(first, second, rtol=1e-5, atol=1e-6 * scale, equal_nan=True)
