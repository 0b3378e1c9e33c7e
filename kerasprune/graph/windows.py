"""Windows that slide over the places of a tensor: which place every tap of every window meets."""

import math
from collections.abc import Iterable, Iterator

import keras
import numpy as np

Places = tuple[int, ...]  # how many there are along each axis


class Windows:
    """The windows of a convolution or a pooling layer.

    Args:
        layer: The layer.
        size: The size of the window along each axis.

    Attributes:
        spreads: Whether a tap puts what is read somewhere, instead of looking at it.
    """

    spreads = False

    def __init__(self, layer: keras.layers.Layer, size: tuple[int, ...]):
        self.size = tuple(size)
        self.strides = tuple(layer.strides)
        self.gaps = tuple(getattr(layer, "dilation_rate", (1,) * len(self.size)))
        self.padding = layer.padding

    @property
    def taps(self) -> int:
        """Places in a window."""
        return math.prod(self.size)

    def pads(self, places: Places) -> list[tuple[int, int]]:
        """Entries that are added before and behind each axis, as Keras pads it."""
        return [self._pad(*axis) for axis in zip(places, self.size, self.strides, self.gaps, strict=True)]

    def grid(self, places: Places) -> Places:
        """How many windows there are along each axis."""
        axes = zip(places, self.pads(places), self.size, self.strides, self.gaps, strict=True)
        return tuple(
            (length + sum(pad) - (size - 1) * gap - 1) // stride + 1 for length, pad, size, stride, gap in axes
        )

    def slices(self, places: Places) -> list[list[slice]]:
        """For every axis and tap the entries of the padded axis that it meets."""
        axes = zip(self.grid(places), self.size, self.strides, self.gaps, strict=True)
        return [
            [slice(tap * gap, tap * gap + (count - 1) * stride + 1, stride) for tap in range(size)]
            for count, size, stride, gap in axes
        ]

    def meets(self, places: Places) -> np.ndarray:
        """The number of the place that each tap of each window meets, or that of places where it meets none.

        Returns:
            int (taps, windows).
        """
        starts = (-before for before, _ in self.pads(places))
        axes = zip(starts, self.grid(places), self.size, self.strides, self.gaps, strict=True)
        return _numbers(
            [
                start + np.arange(size)[:, None] * gap + np.arange(count) * stride
                for start, count, size, stride, gap in axes
            ],
            places,
        )

    def look(self, x: np.ndarray, outside: float = 0.0) -> Iterator[np.ndarray]:
        """What every tap sees: (batch, windows, channels) one after the other.

        Args:
            x: (batch, *places, channels).
            outside: What it sees beside the places.
        """
        flat = x.reshape(len(x), -1, x.shape[-1])
        flat = np.concatenate([flat, np.full_like(flat[:, :1], outside)], axis=1)
        return (flat[:, met] for met in self.meets(x.shape[1:-1]))

    def spread(self, parts: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """The transpose of `look`: what every tap gives back to the entries that it met, added up.

        Args:
            parts: For every tap (batch, windows, channels).
            shape: (batch, *places, channels).
        """
        whole = np.zeros((shape[0], math.prod(shape[1:-1]) + 1, shape[-1]))
        for met, part in zip(self.meets(shape[1:-1]), parts, strict=True):
            whole[:, met] += part  # no two windows meet the same place with the same tap
        return whole[:, :-1].reshape(shape)

    def _pad(self, length: int, size: int, stride: int, gap: int) -> tuple[int, int]:
        reach = (size - 1) * gap
        if self.padding == "same":
            added = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0)
            return added // 2, added - added // 2
        return (reach if self.padding == "causal" else 0), 0


class SpreadWindows(Windows):
    """The windows of a transposed convolution: those through which its output would look at its input.

    Args:
        layer: The layer.
        size: The size of the window along each axis.
    """

    spreads = True

    def __init__(self, layer: keras.layers.Layer, size: tuple[int, ...]):
        super().__init__(layer, size)
        self.layer = layer

    def grid(self, places: Places) -> Places:
        """The places of the output."""
        first = self.layer.data_format == "channels_first"
        shape = self.layer.compute_output_shape((1, 1, *places) if first else (1, *places, 1))
        return tuple(shape[2:] if first else shape[1:-1])

    def meets(self, places: Places) -> np.ndarray:
        """The number of the place from which each tap reaches each place of the output: int (taps, output places)."""
        grid = self.grid(places)
        found = []
        for count, (before, _), size, stride, gap in zip(
            grid, self.pads(grid), self.size, self.strides, self.gaps, strict=True
        ):
            place, rest = np.divmod(np.arange(count) + before - np.arange(size)[:, None] * gap, stride)
            found.append(np.where(rest == 0, place, -1))
        return _numbers(found, places)


def _numbers(axes: list[np.ndarray], places: Places) -> np.ndarray:
    """Numbers of places from those along each axis, (taps, windows) of it; outside of them all, how many there are."""
    number, inside = np.zeros((), int), np.ones((), bool)
    for axis, (at, length) in enumerate(zip(axes, places, strict=True)):
        shape = [1] * (2 * len(axes))
        shape[axis], shape[len(axes) + axis] = at.shape
        number = number * length + at.reshape(shape)
        inside = inside & ((at >= 0) & (at < length)).reshape(shape)
    taps = math.prod(len(at) for at in axes)
    return np.where(inside, number, math.prod(places)).reshape(taps, -1)
