"""The layers and operations that `channels_last` knows to compute in either layout."""

import keras
import numpy as np

from kerasprune.graph.elementwise import is_elementwise
from kerasprune.graph.follow import Handling, Reading, follows, handling_for, is_channels_first, order

layers = keras.layers
LAST = {"data_format": "channels_last"}


@follows(
    layers.AdaptiveAveragePooling1D,
    layers.AdaptiveAveragePooling2D,
    layers.AdaptiveAveragePooling3D,
    layers.AdaptiveMaxPooling1D,
    layers.AdaptiveMaxPooling2D,
    layers.AdaptiveMaxPooling3D,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.CenterCrop,
    layers.Conv1D,
    layers.Conv1DTranspose,
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Conv3D,
    layers.Conv3DTranspose,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomCrop,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomRotation,
    layers.RandomSaturation,
    layers.RandomSharpness,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.Resizing,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.Solarization,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.STFTSpectrogram,
    layers.UpSampling2D,
    layers.UpSampling3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "AveragePool",
    "Conv",
    "ConvTranspose",
    "CropImages",
    "DepthwiseConv",
    "MaxPool",
    "PadImages",
    "Resize",
    "SeparableConv",
)
def with_data_format(reading: Reading) -> Handling | None:
    """The kernels are the same in both formats; operations get theirs as further tensors, which stay as they are."""
    activation = getattr(reading.operation, "activation", keras.activations.linear)
    if not is_channels_first(reading.operation) or not is_elementwise(activation):
        return None
    return Handling((1, *(0,) * (len(reading.held) - 1)), (1,) * len(reading.output_shapes), LAST)


@follows(layers.Flatten)
def flatten(reading: Reading) -> Handling | None:
    """With channels first it flattens what it has transposed to channels last."""
    if not is_channels_first(reading.operation):
        return None
    return Handling((1,), (0,), LAST)


@follows(layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)
def conv_lstm(reading: Reading) -> Handling | None:
    """Sequences have the channels behind the steps; states, as inputs, outputs and weights, have no steps."""
    layer = reading.operation
    functions = (layer.activation, layer.recurrent_activation)
    if layer.cell.data_format != "channels_first" or not all(map(is_elementwise, functions)):
        return None
    states = {id(state) for state in keras.tree.flatten(layer.states)} if layer.stateful else set()
    return Handling(
        inputs=(2, *(1,) * (len(reading.held) - 1)),
        outputs=(2 if layer.return_sequences else 1, *(1,) * (len(reading.output_shapes) - 1)),
        changes=LAST,
        weights={
            position: order(1, reading.rank - 1)
            for position, weight in enumerate(layer.weights)
            if id(weight) in states
        },
    )


@follows(layers.TimeDistributed)
def time_distributed(reading: Reading) -> Handling | None:
    """As the layer inside, of which the tensors have no steps."""
    if len(reading.held) != 1:
        return None
    inside = Reading(
        reading.operation.layer,
        (max(reading.held[0] - 1, 0),),
        tuple((shape[0], *shape[2:]) for shape in reading.shapes),
        tuple((shape[0], *shape[2:]) for shape in reading.output_shapes),
    )
    return _wrapped(handling_for(inside), 1)


@follows(layers.SpectralNormalization)
def spectral_normalization(reading: Reading) -> Handling | None:
    """As the layer inside; its own weight belongs to the kernel, which does not move."""
    handling = handling_for(Reading(reading.operation.layer, reading.held, reading.shapes, reading.output_shapes))
    return _wrapped(handling, 0)


def _wrapped(handling: Handling | None, without: int) -> Handling | None:
    """What a wrapper does whose layer inside does this, on tensors that lack so many axes behind the first."""
    if handling is None:
        return None
    inputs, outputs = (
        tuple(layout + without if layout else 0 for layout in side) for side in (handling.inputs, handling.outputs)
    )
    return Handling(
        inputs, outputs, {f"layer/config/{key}": value for key, value in handling.changes.items()}, handling.weights
    )


@follows(
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.ReLU,
    "keras.StochasticDepth",
)
def elementwise(reading: Reading) -> Handling | None:
    """Every element for itself."""
    if getattr(reading.operation, "noise_shape", None) is not None:
        return dropout(reading)
    return reading.alike() if reading.layout else None


@follows(layers.Dropout)
def dropout(reading: Reading) -> Handling | None:
    """Every element for itself, or the shape of the noise moves as well."""
    shape = reading.operation.noise_shape
    if not reading.layout:
        return None
    if shape is None:
        return reading.alike()
    return reading.alike({"noise_shape": tuple(shape[axis] for axis in order(reading.layout, reading.rank))})


@follows(layers.Activation)
def activation(reading: Reading) -> Handling | None:
    """A function of every element; any other one may look at a certain axis."""
    return reading.alike() if reading.layout and is_elementwise(reading.operation.activation) else None


@follows(layers.Rescaling)
def rescaling(reading: Reading) -> Handling | None:
    """One factor and one offset for all; several lie along certain axes."""
    single = all(np.size(value) == 1 for value in (reading.operation.scale, reading.operation.offset))
    return reading.alike() if reading.layout and single else None


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


@follows(
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
    "Add",
    "Divide",
    "Equal",
    "Greater",
    "GreaterEqual",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalOr",
    "Maximum",
    "Minimum",
    "Multiply",
    "NotEqual",
    "Power",
    "Subtract",
    "TrueDivide",
    "Where",
)
def joined(reading: Reading) -> Handling | None:
    """Element by element, of tensors with the same axes; a number beside them has none."""
    same = {len(shape) for shape in reading.shapes} == {reading.rank}
    return reading.alike() if reading.layout and same and not reading.constants else None


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
