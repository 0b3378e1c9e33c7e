"""Layers and operations that have a data format: they get the other one."""

import keras

from kerasprune.graph.elementwise import is_elementwise
from kerasprune.graph.follow import Handling, Reading, follows, is_channels_first, order

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
