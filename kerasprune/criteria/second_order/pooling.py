"""Pooling, over any number of axes."""

import numpy as np
from keras import layers

from kerasprune.criteria.second_order.step import Step, step
from kerasprune.graph import Call, Windows


@step(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
def average_pooling(call: Call) -> Step:
    """The mean of what is inside; padding does not count."""
    windows = _windows(call)

    def run(x):
        share = 1 / sum(windows.look(np.ones((1, *x.shape[1:-1], 1))))  # (1, windows, 1)

        def back(*derivatives):
            weighted = (
                derivative.reshape(len(x), -1, x.shape[-1]) * share**power
                for power, derivative in enumerate(derivatives, 1)
            )
            return [tuple(windows.spread([part] * windows.taps, x.shape) for part in weighted)]

        return (sum(windows.look(x)) * share).reshape(_shape(windows, x)), back

    return _channels_last(call, run)


@step(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
def max_pooling(call: Call) -> Step:
    """The largest passes, the first one of several."""
    windows = _windows(call)

    def run(x):
        seen = np.stack(list(windows.look(x, -np.inf)))  # (taps, batch, windows, channels)
        chosen = seen.argmax(axis=0)

        def back(*derivatives):
            flat = [derivative.reshape(chosen.shape) for derivative in derivatives]
            return [
                tuple(windows.spread((part * (chosen == tap) for tap in range(windows.taps)), x.shape) for part in flat)
            ]

        return np.take_along_axis(seen, chosen[None], axis=0).reshape(_shape(windows, x)), back

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


def _windows(call: Call) -> Windows:
    return Windows(call.operation, call.operation.pool_size)


def _shape(windows: Windows, x: np.ndarray) -> tuple[int, ...]:
    """That of what the windows make of an input."""
    return (len(x), *windows.grid(x.shape[1:-1]), x.shape[-1])


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
