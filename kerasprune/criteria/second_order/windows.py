"""Layers with a window: convolutions and pooling, over any number of axes."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import layers

from kerasprune.criteria.second_order.activations import activation
from kerasprune.criteria.second_order.step import Step, array, linear, step, then
from kerasprune.graph import Call


class Window:
    """Where a window stands on tensors (batch, places, channels), a tap of it at a time.

    Args:
        layer: A convolution or pooling layer.
        size: The size of the window along each axis.
    """

    def __init__(self, layer: keras.layers.Layer, size: tuple[int, ...]):
        self.size = tuple(size)
        self.strides = tuple(layer.strides)
        self.gaps = tuple(getattr(layer, "dilation_rate", (1,) * len(self.size)))
        self.padding = layer.padding

    def padded(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """Entries added before and behind each axis of a tensor of this shape."""
        pairs = []
        for length, size, stride, gap in zip(shape[1:-1], self.size, self.strides, self.gaps, strict=True):
            reach = (size - 1) * gap
            if self.padding == "same":
                added = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0)
                pairs.append((added // 2, added - added // 2))
            else:
                pairs.append((reach if self.padding == "causal" else 0, 0))
        return [(0, 0), *pairs, (0, 0)]

    def taps(self, shape: tuple[int, ...]) -> Iterator[tuple[tuple, tuple]]:
        """Every place in the window, and the slices of a padded tensor of this shape that it meets."""
        ends = [
            (length - (size - 1) * gap - 1) // stride * stride + 1
            for length, size, stride, gap in zip(shape[1:-1], self.size, self.strides, self.gaps, strict=True)
        ]
        for tap in np.ndindex(*self.size):
            starts = [place * gap for place, gap in zip(tap, self.gaps, strict=True)]
            axes = zip(starts, ends, self.strides, strict=True)
            yield tap, (slice(None), *(slice(start, start + end, stride) for start, end, stride in axes))

    def pad(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        return np.pad(x, self.padded(x.shape), constant_values=value)

    def spread(self, parts: Callable[[tuple], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """The transpose of looking through the window: what every tap gives back to the entries that it met.

        Args:
            parts: From a tap to what it gives back, in the places of the output.
            shape: That of the input.
        """
        padding = self.padded(shape)
        whole = np.zeros([size + sum(pair) for size, pair in zip(shape, padding, strict=True)])
        for tap, places in self.taps(whole.shape):
            whole[places] += parts(tap)
        return whole[tuple(slice(before, before + size) for (before, _), size in zip(padding, shape, strict=True))]


@step(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def convolution(call: Call) -> Step:
    """In one group, or in several side by side."""
    layer = call.operation
    return _finished(call, _convolved(Window(layer, layer.kernel_size), array(layer.kernel), layer.groups))


@step(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def depthwise_convolution(call: Call) -> Step:
    """Every channel is a group."""
    return _finished(call, _depthwise(call.operation, array(call.operation.kernel)))


@step(layers.SeparableConv1D, layers.SeparableConv2D)
def separable_convolution(call: Call) -> Step:
    """A depthwise filter, then a product at every place."""
    layer = call.operation
    kernel = array(layer.pointwise_kernel)
    product = linear(_dense, _dense_back, kernel.reshape(kernel.shape[-2:]))
    return _finished(call, then(_depthwise(layer, array(layer.depthwise_kernel)), product))


@step(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
def transposed_convolution(call: Call) -> Step:
    """The way back of a convolution; the kernel holds (taps, outputs, inputs)."""
    layer = call.operation
    window = Window(layer, layer.kernel_size)
    axis = 1 if layer.data_format == "channels_first" else -1

    def forward(x, kernel):
        shape = layer.compute_output_shape(np.moveaxis(x, -1, axis).shape)
        shape = np.moveaxis(np.empty((0, *shape[1:])), axis, -1).shape
        return window.spread(lambda tap: x @ kernel[tap].T, (len(x), *shape[1:]))

    def backward(derivative, kernel, shape):
        padded = window.pad(derivative)
        return sum(padded[places] @ kernel[tap] for tap, places in window.taps(padded.shape))

    return _finished(call, linear(forward, backward, array(layer.kernel)))


@step(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
def average_pooling(call: Call) -> Step:
    """The mean of what is inside; padding does not count."""
    window = Window(call.operation, call.operation.pool_size)

    def total(x):
        padded = window.pad(x)
        return sum(padded[places] for _, places in window.taps(padded.shape))

    def run(x):
        share = 1 / total(np.ones((1, *x.shape[1:-1], 1)))

        def back(first, second):
            weighted = (first * share, second * share**2)
            return [tuple(window.spread(lambda tap, part=part: part, x.shape) for part in weighted)]

        return total(x) * share, back

    return _channels_last(call, run)


@step(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
def max_pooling(call: Call) -> Step:
    """The largest passes, the first one of several."""
    window = Window(call.operation, call.operation.pool_size)

    def run(x):
        padded = window.pad(x, -np.inf)
        seen = np.stack([padded[places] for _, places in window.taps(padded.shape)])
        chosen = seen.argmax(axis=0)

        def back(*derivatives):
            return [
                tuple(
                    window.spread(lambda tap, part=part: part * (chosen == _number(tap, window)), x.shape)
                    for part in derivatives
                )
            ]

        return np.take_along_axis(seen, chosen[None], axis=0)[0], back

    return _channels_last(call, run)


@step(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D)
def global_average_pooling(call: Call) -> Step:
    """The mean over all places."""

    def run(x):
        share = 1 / np.prod(x.shape[1:-1])
        axes = tuple(range(1, x.ndim - 1))
        return x.mean(axis=axes, keepdims=True), lambda first, second: [
            (np.broadcast_to(first * share, x.shape), np.broadcast_to(second * share**2, x.shape))
        ]

    return _channels_last(call, run, call.operation.keepdims)


@step(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D)
def global_max_pooling(call: Call) -> Step:
    """The largest over all places passes, the first one of several."""

    def run(x):
        flat = x.reshape(len(x), -1, x.shape[-1])
        chosen = flat.argmax(axis=1)[:, None]  # (batch, 1, channels)
        output = np.take_along_axis(flat, chosen, axis=1)

        def passed(derivative):
            whole = np.zeros_like(flat)
            np.put_along_axis(whole, chosen, derivative.reshape(chosen.shape), axis=1)
            return whole.reshape(x.shape)

        places = (1,) * (x.ndim - 2)
        return output.reshape(len(x), *places, -1), lambda *both: [tuple(map(passed, both))]

    return _channels_last(call, run, call.operation.keepdims)


def _number(tap: tuple[int, ...], window: Window) -> int:
    """The rank of a place among those of the window."""
    return int(np.ravel_multi_index(tap, window.size))


def _convolved(window: Window, kernel: np.ndarray, groups: int = 1) -> Step:
    """The sum over the taps of the products with the kernel of each."""
    product, product_back = (_dense, _dense_back) if groups == 1 else (_grouped, _grouped_back)
    if groups > 1:  # (taps, inputs, groups * outputs) to (taps, groups, inputs, outputs)
        kernel = np.moveaxis(kernel.reshape(*kernel.shape[:-1], groups, -1), -2, -3)

    def forward(x, kernel):
        padded = window.pad(x)
        return sum(product(padded[places], kernel[tap]) for tap, places in window.taps(padded.shape))

    def backward(derivative, kernel, shape):
        return window.spread(lambda tap: product_back(derivative, kernel[tap], None), shape)

    return linear(forward, backward, kernel)


def _depthwise(layer, kernel: np.ndarray) -> Step:
    """Outputs of a channel lie side by side, as those of a group."""
    *taps, channels, multiplier = kernel.shape
    kernel = kernel.reshape(*taps, 1, channels * multiplier)
    return _convolved(Window(layer, taps), kernel, channels)


def _dense(x, kernel):
    return x @ kernel


def _dense_back(derivative, kernel, shape):
    return derivative @ kernel.T


def _grouped(x, kernel):
    groups = x.reshape(*x.shape[:-1], kernel.shape[0], -1)
    return np.einsum("...gi,gio->...go", groups, kernel).reshape(*x.shape[:-1], -1)


def _grouped_back(derivative, kernel, shape):
    groups = derivative.reshape(*derivative.shape[:-1], kernel.shape[0], -1)
    return np.einsum("...go,gio->...gi", groups, kernel).reshape(*derivative.shape[:-1], -1)


def _finished(call: Call, run: Step) -> Step:
    """With bias and activation."""
    layer = call.operation
    bias = 0.0 if layer.bias is None else array(layer.bias)

    def shifted(x):
        output, back = run(x)
        return output + bias, back

    return then(_channels_last(call, shifted), activation(layer.activation, call.path))


def _channels_last(call: Call, run: Step, keepdims: bool = True) -> Step:
    """The step for the data format of the layer; without `keepdims` the places, of which there is one, are left out."""
    axis = 1 if call.operation.data_format == "channels_first" else -1

    def moved(x):
        output, back = run(np.moveaxis(x, axis, -1))
        shape = output.shape
        output = np.moveaxis(output, -1, axis) if keepdims else output.reshape(len(x), -1)

        def back_moved(*derivatives):
            inner = [np.moveaxis(d, axis, -1) if keepdims else d.reshape(shape) for d in derivatives]
            ((first, second),) = back(*inner)
            return [(np.moveaxis(first, -1, axis), np.moveaxis(second, -1, axis))]

        return output, back_moved

    return moved
