"""Growths by operations of `keras.ops`, and by shapes that are hard on purpose."""

import keras
import numpy as np

from tests.laws.growth import WIDTHS, growth

layers = keras.layers
ops = keras.ops


def constant(*shape) -> np.ndarray:
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype("float32")


def like(pick, pool, tensor):
    """A tensor of the pool of this shape, or a new layer on it."""
    return pick([*(other for other in pool if other.shape == tensor.shape), layers.Dense(tensor.shape[-1])(tensor)])


@growth(2, 3, 4, 5)
def part(pick, pool, tensor):
    """A slice, one entry, or the entries in reverse order, along any axis."""
    axis = pick(range(1, len(tensor.shape)))
    size = tensor.shape[axis]
    start = pick(range(size))
    stop = pick(range(start + 1, size + 1))
    keys = [slice(start, stop), slice(start - size, None), slice(start, None, 2)]
    keys += [slice(None, None, -1)] if keras.backend.backend() != "torch" else []  # torch takes no negative step
    keys += [start, start - size] if len(tensor.shape) > 2 else []
    before = pick(((slice(None),) * axis, None))
    if before is None:
        return tensor[(..., pick(keys), *(slice(None),) * (len(tensor.shape) - 1 - axis))]
    new = (None,) if pick((True, False, False)) and len(tensor.shape) < 5 else ()
    return tensor[(*before, pick(keys), *new)]


@growth(2, 3, 4, 5)
def split(pick, pool, tensor):
    """Some parts of a split axis are used, others are not; often they meet again."""
    axis = pick((-1, -1, 1))
    size = tensor.shape[axis]
    sections = pick([n for n in (1, 2, 3, 4) if size % n == 0])
    cuts = sorted({pick(range(1, size)) for _ in range(2)}) if size > 1 and pick((True, False)) else sections
    parts = ops.split(tensor, cuts, axis=axis)
    how = pick(("one", "join", "add"))
    if how == "join":
        return ops.concatenate(parts[::-1], axis=axis)
    equals = [other for other in parts if other.shape == parts[0].shape]
    return layers.Add()(equals) if how == "add" and len(equals) > 1 else pick(parts)


@growth(2, 3, 4)
def stack(pick, pool, tensor):
    rank = len(tensor.shape)
    stacked = ops.stack([tensor, like(pick, pool, tensor)], axis=pick((1, rank, -1)))
    if pick((True, False)):
        return stacked
    return pick(ops.unstack(stacked, axis=pick((1, rank))))


@growth(3, 4, 5)
def reorder(pick, pool, tensor):
    last = len(tensor.shape) - 1
    return pick(
        [
            lambda t: ops.swapaxes(t, 1, last),
            lambda t: ops.moveaxis(t, last, 1),
            lambda t: ops.moveaxis(t, (1, 2), (-1, 1)),
            lambda t: ops.moveaxis(t, 1, last),
        ]
    )(tensor)


@growth(2, 3, 4)
def repetition(pick, pool, tensor):
    axis = pick((-1, 1))
    times = [1] * len(tensor.shape)
    times[axis] = 2
    if max(tensor.shape[1:]) > 12:
        return ops.flip(tensor, axis=axis)
    return pick(
        [
            lambda t: ops.repeat(t, 2, axis=axis),
            lambda t: ops.tile(t, times),
            lambda t: ops.flip(t, axis=axis),
            lambda t: ops.roll(t, 1, axis=axis),
        ]
    )(tensor)


@growth(2, 3, 4, 5)
def along_an_axis(pick, pool, tensor):
    axis = pick((-1, -1, 1))
    return pick(
        [
            lambda t: ops.cumsum(t, axis=axis),
            lambda t: ops.cumprod(t, axis=axis),
            lambda t: ops.normalize(t, axis=axis),
            lambda t: ops.norm(t, axis=(axis,), keepdims=True),
            lambda t: ops.softmax(t, axis=axis),
            lambda t: ops.sort(t, axis=axis),
            lambda t: ops.take(t, [0, t.shape[axis] - 1], axis=axis),
            lambda t: ops.cast(ops.any(ops.greater(t, 0.0), axis=axis, keepdims=True), "float32"),
            lambda t: ops.cast(ops.argmax(t, axis=axis, keepdims=True), "float32"),
            lambda t: ops.where(ops.greater(t, 0.0), t, constant(t.shape[-1])),
            lambda t: ops.zeros_like(t) + t,
            lambda t: ops.glu(t, axis=axis) if t.shape[axis] % 2 == 0 else ops.flip(t, axis=axis),
            lambda t: ops.concatenate([t, ops.stop_gradient(t)], axis=axis),
        ]
    )(tensor)


@growth(3, 4)
def product(pick, pool, tensor):
    """Two activations multiplied as matrices."""
    turned = ops.swapaxes(like(pick, pool, tensor), -1, -2)
    return pick([lambda: ops.matmul(tensor, turned), lambda: ops.matmul(turned, tensor)])()


@growth(2, 3)
def contraction(pick, pool, tensor):
    other, width = like(pick, pool, tensor), tensor.shape[-1]
    if len(tensor.shape) == 2:
        return pick(
            [
                lambda: layers.Dot(axes=1)([tensor, other]),
                lambda: layers.Dot(axes=1, normalize=True)([tensor, other]),
                lambda: ops.einsum("bi,bj->bij", tensor, other),
                lambda: ops.matmul(tensor, constant(width, 3)),
                lambda: ops.tensordot(tensor, constant(width, 2, 3), axes=1),
            ]
        )()
    return pick(
        [
            lambda: ops.einsum("btc,bsc->bts", tensor, other),
            lambda: ops.einsum("...tc,...tc->...c", tensor, other),
            lambda: ops.einsum("btc,btd->bcd", tensor, other),
            lambda: ops.einsum("btc,cd->btd", tensor, constant(width, 4)),
            lambda: layers.Dot(axes=pick((1, 2, (2, 2))))([tensor, other]),
            lambda: ops.dot(tensor, constant(width, 3)),
            lambda: ops.tensordot(tensor, constant(tensor.shape[1], width), axes=[[1, 2], [0, 1]])[:, None],
        ]
    )()


@growth(2, 3, 4, 5)
def group_normalization(pick, pool, tensor):
    groups = pick([n for n in (1, 2, 3, 4) if tensor.shape[-1] % n == 0] + [-1])
    return layers.GroupNormalization(groups, center=pick((True, False)), scale=pick((True, False)))(tensor)


@growth(4)
def pixels(pick, pool, tensor):
    if max(tensor.shape[1:3]) > 8:
        return layers.AveragePooling2D(2, padding="same")(tensor)
    wide = layers.Conv2D(4 * pick((1, 2, 3)), 1)(tensor)
    even = layers.Resizing(4, 4)(tensor)
    small = min(tensor.shape[1:3]) < 2  # pooled to more places than it has, TensorFlow ends the process
    return pick(
        [
            lambda: ops.depth_to_space(wide, 2),
            lambda: ops.space_to_depth(even, 2),
            lambda: ops.image.extract_patches(tensor, (2, 2), padding="same"),
            lambda: ops.image.resize(tensor, (5, 3)),
            lambda: layers.CenterCrop(2, 2)(even),
            lambda: layers.RandomFlip()(tensor),
            lambda: layers.AdaptiveMaxPooling2D(2)(even if small else tensor),
        ]
    )()


@growth(2, 3, 4, 5)
def join_of_joins(pick, pool, tensor):
    """Concatenations of concatenations, and a sum of three of them."""
    first = layers.Concatenate()([tensor, layers.Dense(pick(WIDTHS), activation="relu")(tensor)])
    second = layers.Concatenate()([first, tensor, first])
    if pick((True, False)):
        return second
    third = layers.Concatenate()([first, first, tensor])
    return layers.Add()([second, layers.Dense(second.shape[-1])(tensor), third])


@growth(4)
def two_resolutions(pick, pool, tensor):
    """One convolution on an image and on its half; one layer of the two may stay without a reader."""
    layer = layers.Conv2D(pick(WIDTHS), 2, padding="same", activation="relu")
    small = layer(layers.MaxPooling2D(2, padding="same")(tensor))
    large = layer(tensor)
    if pick((True, False)):
        return small
    return layers.Concatenate()([layers.GlobalAveragePooling2D()(small), layers.GlobalMaxPooling2D()(large)])


@growth(2, 3, 4, 5)
def narrow(pick, pool, tensor):
    """A layer with one channel, between others."""
    return layers.Dense(pick(WIDTHS))(layers.BatchNormalization()(layers.Dense(1, activation="relu")(tensor)))
