"""Layers and operations that put entries in other places, copy them, or leave them as they are."""

import functools

import keras
import numpy as np
from keras import layers

from kerasprune.criteria.second_order.step import Step, step, unknown
from kerasprune.graph import Call


@step(
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    "Identity",
)
def unchanged(call: Call) -> Step:
    """Nothing happens in inference mode."""
    return lambda x: (x, lambda first, second: [(first, second)])


@step(
    layers.Concatenate,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.Flatten,
    layers.Permute,
    layers.RepeatVector,
    layers.Reshape,
    layers.UpSampling1D,
    layers.UpSampling3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    "Concatenate",
    "ExpandDims",
    "Reshape",
    "Squeeze",
    "Transpose",
)
def move(call: Call) -> Step:
    """Where every entry goes is found by sending the numbers of the places through the layer."""

    @functools.lru_cache(maxsize=2)
    def matrix(shapes):
        """The entries of one sample's inputs, side by side, to those of its output, and the shape of the output."""
        from scipy import sparse  # noqa: PLC0415  (only who meets such a layer pays for it)

        sizes = [int(np.prod(shape)) for shape in shapes]
        numbers = np.split(np.arange(1.0, sum(sizes) + 1), np.cumsum(sizes)[:-1])  # 0 is what no input has made
        tensors = {
            id(tensor): keras.ops.convert_to_tensor(number.reshape(1, *shape), "float32")
            for tensor, number, shape in zip(call.inputs, numbers, shapes, strict=True)
        }
        args, kwargs = call.fill(tensors)
        places = keras.ops.convert_to_numpy(call.operation(*args, **kwargs))[0].astype(int)
        made = np.flatnonzero(places)
        ones = (np.ones(len(made)), (places.ravel()[made] - 1, made))
        return sparse.csr_array(ones, shape=(sum(sizes), places.size)), places.shape

    def run(*inputs):
        moves, shape = matrix(tuple(x.shape[1:] for x in inputs))
        flat = [x.reshape(len(x), -1) for x in inputs]
        ends = np.cumsum([x.shape[1] for x in flat])[:-1]

        def returned(derivative):
            """To each input what came of its entries; with factors of one, first and second go the same way."""
            parts = np.split(derivative.reshape(len(derivative), -1) @ moves.T, ends, axis=1)
            return [part.reshape(x.shape) for part, x in zip(parts, inputs, strict=True)]

        output = np.concatenate(flat, axis=1) @ moves
        return output.reshape(-1, *shape), lambda *both: list(zip(*map(returned, both), strict=True))

    return run


@step(layers.UpSampling2D)
def up_sampling(call: Call) -> Step:
    """Copies, as in one and in three dimensions, unless it interpolates."""
    if call.operation.interpolation != "nearest":
        raise unknown(f"`{call.path}` interpolates ({call.operation.interpolation})")
    return move(call)
