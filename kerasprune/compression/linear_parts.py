"""What a layer multiplies its kernel with, as rows of a matrix."""

import keras
import numpy as np
from keras import layers

# Layers that are a matrix product of rows and a kernel, (…, outputs) flattened, and a bias.
PARTS = {layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D}


def rows(layer: keras.layers.Layer, inputs: np.ndarray) -> np.ndarray:
    """The rows that meet the kernel.

    Args:
        layer: Of one of the classes in `PARTS`.
        inputs: What it reads.

    Returns:
        float64 (rows, unknowns): one row per sample of a Dense layer and per position of its other axes; one per
        window of a convolution, in the order of its kernel (positions of the window, then channels).
    """
    if isinstance(layer, layers.Dense):
        return inputs.reshape(-1, inputs.shape[-1]).astype(float)
    if layer.data_format == "channels_first":
        inputs = np.moveaxis(inputs, 1, -1)
    sizes, steps, gaps = layer.kernel_size, layer.strides, layer.dilation_rate
    window = zip(inputs.shape[1:-1], sizes, steps, gaps, strict=True)
    inputs = np.pad(inputs, [(0, 0), *(_padding(layer.padding, *axis) for axis in window), (0, 0)])
    spans = tuple((size - 1) * gap + 1 for size, gap in zip(sizes, gaps, strict=True))
    axes = tuple(range(1, 1 + len(sizes)))
    windows = np.lib.stride_tricks.sliding_window_view(inputs, spans, axes)  # (batch, *places, channels, *spans)
    places, taps = ([slice(None, None, stride) for stride in strides] for strides in (steps, gaps))
    windows = windows[(slice(None), *places, slice(None), *taps)]
    windows = np.moveaxis(windows, len(sizes) + 1, -1)  # (batch, *places, *window, channels)
    return windows.reshape(-1, int(np.prod(sizes)) * inputs.shape[-1]).astype(float)


def _padding(kind: str, length: int, size: int, step: int, gap: int) -> tuple[int, int]:
    """Zeros before and after an axis, as Keras pads it."""
    span = (size - 1) * gap + 1
    if kind == "valid":
        return 0, 0
    if kind == "causal":
        return span - 1, 0
    missing = max((-(-length // step) - 1) * step + span - length, 0)
    return missing // 2, missing - missing // 2
