"""What is done along named axes, which get other numbers."""

import keras

from kerasprune.graph.follow import Handling, Reading, follows, order

layers = keras.layers


@follows(
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    layers.RMSNormalization,
)
def along_an_axis(reading: Reading) -> Handling | None:
    """The weights belong to one axis, wherever it is; those of several axes are shaped like the tensor."""
    axis = reading.operation.axis
    axes = [axis] if isinstance(axis, int) else list(axis or ())
    if not reading.layout or len(axes) != 1:
        return None
    return reading.alike({"axis": reading.place(axes[0])})


@follows(
    layers.Concatenate, layers.Softmax, layers.UnitNormalization, "Concatenate", "Softmax", "LogSoftmax", "Normalize"
)
def over_axes(reading: Reading) -> Handling | None:
    """What is done over some axes, without weights; the result has the axes of the input."""
    axis = reading.operation.axis
    if not reading.layout or axis is None or len({len(shape) for shape in reading.shapes}) > 1:
        return None
    return reading.alike(
        {"axis": reading.place(axis) if isinstance(axis, int) else [reading.place(each) for each in axis]}
    )


@follows("All", "Any", "Max", "Mean", "Min", "Prod", "Std", "Sum", "Var")
def reduction(reading: Reading) -> Handling | None:
    """Over some axes, which stay with length 1, or over all but those of the batch and of the channels."""
    axis, layout = reading.operation.axis, reading.layout
    if not layout or axis is None:
        return None
    axes = sorted(each % reading.rank for each in ([axis] if isinstance(axis, int) else axis))
    changes = {"axis": tuple(reading.place(each) for each in axes)}
    if reading.operation.keepdims:
        return reading.alike(changes)
    alone = axes == [each for each in range(1, reading.rank) if each != layout]
    return Handling((layout,), (0,), changes) if alone else None


@follows(layers.PReLU)
def prelu(reading: Reading) -> Handling | None:
    """The slopes are shaped like a sample."""
    if not reading.layout:
        return None
    shared = reading.operation.shared_axes
    changes = {"shared_axes": shared and [reading.place(axis) for axis in shared]}
    axes = tuple(axis - 1 for axis in order(reading.layout, reading.rank)[1:])
    return Handling((reading.layout,), (reading.layout,), changes, {0: axes})
