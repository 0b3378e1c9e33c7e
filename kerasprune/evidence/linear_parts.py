"""What a layer multiplies its kernel with, as rows of matrices."""

import keras
import numpy as np
from keras import layers


class Product:
    """A Dense layer, or another one that multiplies the last axis with its kernel and adds a bias.

    What the layer puts out before its activation function is `rows @ matrix + bias`, block by block: a block is a
    group of a convolution, with rows and outputs of its own. Other layers have one block.

    Args:
        layer: The layer, built.

    Attributes:
        kernel: The variable that holds the matrix.
        bias: That of the bias; None if there is none.
        blocks: How many products stand side by side.
        axis: The axis of the outputs.
    """

    blocks = 1
    axis = -1

    def __init__(self, layer: keras.layers.Layer):
        self.layer = layer
        self.kernel = layer.kernel
        self.bias = layer.bias

    @property
    def shape(self) -> tuple[int, int, int]:
        """Blocks, unknowns and outputs of a block."""
        outputs = self.kernel.shape[-1]
        return 1, int(np.prod(self.kernel.shape[:-1])), outputs

    @property
    def matrix(self) -> np.ndarray:
        """The kernel: float64 (blocks, unknowns, outputs of a block)."""
        blocks, unknowns, outputs = self.shape
        kernel = keras.ops.convert_to_numpy(self.kernel).astype(float)
        return np.moveaxis(kernel.reshape(unknowns, blocks, outputs), 1, 0)

    def assign(self, matrix: np.ndarray) -> None:
        """Change the kernel; the matrix is as above."""
        self.kernel.assign(np.moveaxis(matrix, 0, 1).reshape(self.kernel.shape))

    def outputs(self, tensor: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """What a tensor of the layer's outputs holds at some positions: float32 (rows, channels).

        Args:
            tensor: With the axes that the layer's outputs have, and any number of channels.
            chosen: int (rows,), numbers of positions, counted over all axes but that of the channels.
        """
        tensor = np.moveaxis(tensor, self.axis, -1)
        return tensor.reshape(-1, tensor.shape[-1])[chosen].astype("float32")

    def in_blocks(self, outputs: np.ndarray) -> np.ndarray:
        """From (rows, channels) to (blocks, rows, outputs of a block)."""
        return np.moveaxis(outputs.reshape(len(outputs), self.blocks, -1), 1, 0)

    def rows(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The rows that meet the matrix: float32 (blocks, rows, unknowns).

        Args:
            inputs: What the layer reads for one batch.
            chosen: As in `outputs`.
        """
        return inputs.reshape(-1, inputs.shape[-1])[chosen].astype("float32")[None]


class Windows(Product):
    """A convolution: one row per window, in the order of the kernel, positions of the window before channels."""

    def __init__(self, layer: keras.layers.Layer):
        super().__init__(layer)
        self.blocks = layer.groups
        self.axis = 1 if layer.data_format == "channels_first" else -1

    @property
    def shape(self) -> tuple[int, int, int]:
        outputs = self.kernel.shape[-1]
        return self.blocks, int(np.prod(self.kernel.shape[:-1])), outputs // self.blocks

    def rows(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        found = windows(self.layer, np.moveaxis(inputs, self.axis, -1), chosen)  # (rows, taps, channels)
        found = found.reshape(*found.shape[:2], self.blocks, -1)
        return found.transpose(2, 0, 1, 3).reshape(self.blocks, len(chosen), -1)


class Depthwise(Windows):
    """A depthwise convolution: every channel is a block."""

    def __init__(self, layer: keras.layers.Layer):
        Product.__init__(self, layer)
        self.blocks = layer.kernel.shape[-2]
        self.axis = 1 if layer.data_format == "channels_first" else -1

    @property
    def shape(self) -> tuple[int, int, int]:
        *taps, channels, multiplier = self.kernel.shape
        return channels, int(np.prod(taps)), multiplier


class Separable(Product):
    """A separable convolution: its depthwise part stays, and the rows that it makes meet the pointwise kernel."""

    def __init__(self, layer: keras.layers.Layer):
        self.layer = layer
        self.kernel = layer.pointwise_kernel
        self.bias = layer.bias
        self.axis = 1 if layer.data_format == "channels_first" else -1

    def rows(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        found = windows(self.layer, np.moveaxis(inputs, self.axis, -1), chosen)  # (rows, taps, channels)
        kernel = keras.ops.convert_to_numpy(self.layer.depthwise_kernel)
        kernel = kernel.reshape(-1, *kernel.shape[-2:])  # (taps, channels, multiplier)
        return np.einsum("rtc,tcm->rcm", found, kernel).reshape(1, len(chosen), -1)


# What is known to be a product of rows and a kernel.
PARTS: dict[type, type[Product]] = {
    layers.Dense: Product,
    layers.Conv1D: Windows,
    layers.Conv2D: Windows,
    layers.Conv3D: Windows,
    layers.DepthwiseConv1D: Depthwise,
    layers.DepthwiseConv2D: Depthwise,
    layers.SeparableConv1D: Separable,
    layers.SeparableConv2D: Separable,
}


def windows(layer: keras.layers.Layer, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """What some windows of a convolution see: float32 (rows, taps, channels).

    Args:
        layer: The convolution.
        inputs: (batch, *places, channels).
        chosen: int (rows,), the numbers of the windows, counted over the batch and then over the output's places.
    """
    axes = list(zip(inputs.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, strict=True))
    padding = [_padding(layer.padding, *axis) for axis in axes]
    grid = [
        (length + sum(pad) - (size - 1) * gap - 1) // step + 1
        for (length, size, step, gap), pad in zip(axes, padding, strict=True)
    ]
    padded = np.pad(inputs, [(0, 0), *padding, (0, 0)])
    samples, *places = np.unravel_index(chosen, (len(inputs), *grid))
    taps = np.ndindex(*layer.kernel_size)
    found = np.empty((len(chosen), int(np.prod(layer.kernel_size)), inputs.shape[-1]), "float32")
    for number, tap in enumerate(taps):
        corner = (place * axis[2] + shift * axis[3] for place, shift, axis in zip(places, tap, axes, strict=True))
        found[:, number] = padded[(samples, *corner)]
    return found


def _padding(kind: str, length: int, size: int, step: int, gap: int) -> tuple[int, int]:
    """Zeros before and after an axis, as Keras pads it."""
    span = (size - 1) * gap + 1
    if kind == "valid":
        return 0, 0
    if kind == "causal":
        return span - 1, 0
    missing = max((-(-length // step) - 1) * step + span - length, 0)
    return missing // 2, missing - missing // 2
