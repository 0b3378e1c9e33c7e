"""What gives the axes another order."""

import keras

from kerasprune.graph.follow import Handling, Reading, follows, order

layers = keras.layers


@follows(layers.Reshape)
def to_pixels(reading: Reading) -> Handling | None:
    """A vector of channels becomes an image of one pixel, as in squeeze and excitation; others read the order."""
    shape = reading.output_shapes[0][1:]
    if len(reading.shapes[0]) != 2 or len(shape) < 2 or shape != (reading.shapes[0][1], *(1,) * (len(shape) - 1)):
        return None
    return Handling((0,), (1,), {"target_shape": (*shape[1:], shape[0])})


@follows(layers.Permute)
def permute(reading: Reading) -> Handling | None:
    """Another order of the axes gives what this one gave; of images, one from layout to layout changes nothing."""
    dims = tuple(reading.operation.dims)
    if not reading.layout and reading.rank > 3:
        return _between_layouts(dims, reading.rank)
    if not reading.layout:
        return None
    return Handling((reading.layout,), (0,), {"dims": tuple(reading.place(axis) for axis in dims)})


def _between_layouts(dims: tuple[int, ...], rank: int) -> Handling | None:
    """What moves an axis to the end, or the last one forward, takes and gives what is so already."""
    nothing = {"dims": tuple(range(1, rank))}
    if dims[-1] != rank - 1 and dims == order(dims[-1], rank)[1:]:
        return Handling((dims[-1],), (0,), nothing)
    place = dims.index(rank - 1) + 1
    back = tuple(order(place, rank).index(axis) for axis in range(1, rank))
    return Handling((0,), (place,), nothing) if place != rank - 1 and dims == back else None


@follows("Transpose")
def transpose(reading: Reading) -> Handling | None:
    """As `permute`; one that does not name its axes turns their order round."""
    if not reading.layout:
        return None
    axes = reading.operation.axes or tuple(range(reading.rank))[::-1]
    return Handling((reading.layout,), (0,), {"axes": tuple(reading.place(axis) for axis in axes)})
