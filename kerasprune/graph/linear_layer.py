"""What a linear layer computes, described once, for all that repair, ablate, derive, gate and explain."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.graph.rule import speaker
from kerasprune.graph.windows import Windows


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A layer that puts out, before its activation function, `rows @ matrix + bias`, block by block.

    A block is a group of a convolution, or what else has rows and outputs of its own; other layers have one. The rows
    are what the layer reads at a position, or what a window shows of it.

    Args:
        layer: The layer.
        reads: Axes of the kernel that are summed over, without those of a window.
        makes: Axes of the kernel along which it makes channels; with several groups they stand side by side on it.
        blocks: Axes of the kernel along which products stand side by side.
        taps: Axes of the kernel along which the places of a window lie.
        inputs: The axes of what it reads that hold blocks and what is read, in the order of the kernel's axes.
        outputs: The axes of what it puts out that hold blocks and what is made, likewise.
        bias_axes: The axes of the bias that hold the same, in the same order; None where it lies along others, too.
        groups: Of a grouped convolution.
        windows: Where the taps stand; None if there is one tap at every position.
        first: What comes before, for a layer that makes two products in a row.
        variable: The name of the kernel among the layer's attributes.
    """

    layer: keras.layers.Layer
    reads: tuple[int, ...] = (-2,)
    makes: tuple[int, ...] = (-1,)
    blocks: tuple[int, ...] = ()
    taps: tuple[int, ...] = ()
    inputs: tuple[int, ...] = (-1,)
    outputs: tuple[int, ...] = (-1,)
    bias_axes: tuple[int, ...] | None = (-1,)
    groups: int = 1
    windows: Windows | None = None
    first: "LinearLayer | None" = None
    variable: str = "kernel"

    @property
    def kernel(self) -> keras.Variable:
        """The variable that holds the matrix."""
        return getattr(self.layer, self.variable)

    @property
    def bias(self) -> keras.Variable | None:
        """That of the bias; None if there is none."""
        return getattr(self.layer, "bias", None)

    @property
    def is_plain(self) -> bool:
        """Whether it is one product of one axis of channels, whose result is another one."""
        return self.first is None and not self.blocks and len(self.reads) == len(self.makes) == 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Blocks, unknowns and outputs of a block."""
        blocks, _, outputs = (math.prod(sizes) for sizes in self._sizes)
        return blocks, math.prod(self.kernel.shape) // (blocks * outputs), outputs

    @property
    def matrix(self) -> np.ndarray:
        """The kernel: float64 (blocks, unknowns, outputs of a block), with the taps of a window before what is read."""
        kernel = keras.ops.convert_to_numpy(self.kernel).astype(float)
        return kernel.reshape(self._split).transpose(self._order).reshape(self.shape)

    def assign(self, matrix: np.ndarray) -> None:
        """Change the kernel; the matrix is as above."""
        shape = [self._split[axis] for axis in self._order]
        self.kernel.assign(matrix.reshape(shape).transpose(np.argsort(self._order)).reshape(self.kernel.shape))

    @property
    def bias_row(self) -> np.ndarray:
        """The bias: float64 (blocks, 1, outputs of a block); zeros where there is none."""
        blocks, _, outputs = self.shape
        if self.bias is None:
            return np.zeros((blocks, 1, outputs))
        value = keras.ops.convert_to_numpy(self.bias).astype(float)
        return value.transpose(self._bias_order(value.ndim)).reshape(blocks, 1, outputs)

    def shift_bias(self, shift: np.ndarray) -> None:
        """Add to the bias: float (blocks, outputs of a block)."""
        order = self._bias_order(len(self.bias.shape))
        shape = [self.bias.shape[axis] for axis in order]
        self.bias.assign_add(shift.reshape(shape).transpose(np.argsort(order)))

    def positions(self, outputs: np.ndarray) -> int:
        """How many rows a tensor of the layer's outputs holds."""
        return outputs.size // math.prod(outputs.shape[axis] for axis in self.outputs)

    def made(self, outputs: np.ndarray, chosen: np.ndarray, kept: list[np.ndarray | None] = ()) -> np.ndarray:
        """What a tensor of the layer's outputs holds at some positions: float32 (blocks, rows, outputs of a block).

        Args:
            outputs: With the axes that the layer's outputs have, and any number of channels.
            chosen: int (rows,), numbers of positions, counted over all axes but those of the channels.
            kept: For each axis of the channels bool (length,), which are looked at; None for all of it.
        """
        moved = np.moveaxis(outputs, self.outputs, range(-len(self.outputs), 0))
        rows = moved.reshape(-1, *moved.shape[-len(self.outputs) :])[chosen]
        for axis, keep in enumerate(kept, 1):
            rows = rows if keep is None else np.compress(keep, rows, axis=axis)
        blocks = self.shape[0]
        return np.moveaxis(rows.reshape(len(rows), blocks, -1), 1, 0).astype("float32")

    def rows(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The rows that meet the matrix: float32 (blocks, rows, unknowns).

        Args:
            inputs: What the layer reads for one batch.
            chosen: As in `made`.
        """
        if self.first is not None:
            found = self.first.rows(inputs, chosen) @ self.first.matrix  # (channels, rows, multiplier)
            return np.moveaxis(found, 0, 1).reshape(1, len(chosen), -1).astype("float32")
        entered = self._entered(inputs)
        flat = entered.reshape(-1, 1, entered.shape[-1])
        if self.windows is None:
            found = flat[chosen]  # (rows, taps, channels)
        else:
            met = self.windows.meets(entered.shape[1:-1])
            samples, window = np.divmod(chosen, met.shape[1])
            flat = flat.reshape(len(entered), -1, entered.shape[-1])
            flat = np.concatenate([flat, np.zeros_like(flat[:, :1])], axis=1)
            found = flat[samples[:, None], met[:, window].T]
        blocks, unknowns, _ = self.shape
        found = found.reshape(*found.shape[:2], blocks, -1)
        return found.transpose(2, 0, 1, 3).reshape(blocks, len(chosen), unknowns).astype("float32")

    def product(self, inputs: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """What the layer puts out without a bias, with this matrix in the place of its own.

        Args:
            inputs: What it reads, or what the `first` product puts out.
            matrix: float (blocks, unknowns, outputs of a block).
        """
        entered = self._entered(inputs)
        if self.windows is None:
            return self._left(_times(entered, matrix))
        kernels = self._by_tap(matrix)
        found = sum(_times(seen, kernel) for seen, kernel in zip(self.windows.look(entered), kernels, strict=True))
        grid = self.windows.grid(entered.shape[1:-1])
        return self._left(found.reshape(len(entered), *grid, found.shape[-1]))

    def product_back(self, outputs: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The transpose of `product`: from the shape of its outputs to that of its inputs."""
        entered = self._entered(outputs, self.outputs)
        turned = np.swapaxes(matrix, 1, 2)
        moved = np.moveaxis(np.empty(shape, "bool"), self.inputs, range(-len(self.inputs), 0)).shape
        inner = (*moved[: len(moved) - len(self.inputs)], math.prod(moved[len(moved) - len(self.inputs) :]))
        if self.windows is None:
            found = _times(entered, turned)
        else:
            flat = entered.reshape(len(entered), -1, entered.shape[-1])
            parts = (_times(flat, np.swapaxes(kernel, 1, 2)) for kernel in self._by_tap(matrix))
            found = self.windows.spread(parts, inner)
        return np.moveaxis(found.reshape(moved), range(-len(self.inputs), 0), self.inputs)

    @property
    def _split(self) -> tuple[int, ...]:
        """The shape of the kernel with an axis for the groups."""
        shape = tuple(self.kernel.shape)
        return shape if self.groups == 1 else (*shape[:-1], self.groups, shape[-1] // self.groups)

    @property
    def _axes(self) -> tuple[tuple[int, ...], ...]:
        """The axes of the kernel, so split, of blocks, of taps and what is read, and of what is made."""
        rank = len(self.kernel.shape)
        blocks, taps, reads, makes = (
            tuple(axis % rank for axis in axes) for axes in (self.blocks, self.taps, self.reads, self.makes)
        )
        return ((rank - 1,), (*taps, *reads), (rank,)) if self.groups > 1 else (blocks, (*taps, *reads), makes)

    @property
    def _sizes(self) -> list[list[int]]:
        return [[self._split[axis] for axis in axes] for axes in self._axes]

    @property
    def _order(self) -> list[int]:
        return [axis for axes in self._axes for axis in axes]

    def _bias_order(self, rank: int) -> list[int]:
        """The axes of the bias, those along which it does not vary last."""
        axes = [axis % rank for axis in self.bias_axes]
        return [*axes, *(axis for axis in range(rank) if axis not in axes)]

    def _by_tap(self, matrix: np.ndarray) -> np.ndarray:
        """(taps, blocks, what is read at a place, outputs of a block)."""
        blocks, _, outputs = matrix.shape
        return np.moveaxis(matrix.reshape(blocks, self.windows.taps, -1, outputs), 1, 0)

    def _entered(self, tensor: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
        """(batch, *positions, channels)."""
        axes = self.inputs if axes is None else axes
        moved = np.moveaxis(tensor, axes, range(-len(axes), 0))
        return moved.reshape(*moved.shape[: moved.ndim - len(axes)], -1)

    def _left(self, found: np.ndarray) -> np.ndarray:
        """With the axes of the outputs, from (batch, *positions, channels)."""
        count = len(self.outputs)
        sizes = [size for axes in (self._sizes[0], self._sizes[2]) for size in axes] if count > 1 else [-1]
        return np.moveaxis(found.reshape(*found.shape[:-1], *sizes), range(-count, 0), self.outputs)


def _times(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The product with each block of a kernel: (..., blocks * inputs) becomes (..., blocks * outputs)."""
    if len(kernel) == 1:
        return x @ kernel[0]
    blocks = x.reshape(*x.shape[:-1], len(kernel), -1)
    return np.einsum("...gi,gio->...go", blocks, kernel).reshape(*x.shape[:-1], -1)


# By the class of a layer what describes it: gets the layer, which need not be built.
LINEAR_LAYERS: dict[type, Callable[[keras.layers.Layer], LinearLayer | None]] = {}


def linear_layer(*targets: type) -> Callable:
    """A decorator that describes layers that are linear before their activation function.

    The function gets a layer, which need not be built, and returns its `LinearLayer`; None where what it computes is
    no such product.

    Args:
        targets: Classes of layers. A subclass is covered too as long as it inherits `call` and `build`.

    Example:

    >>> class Mix(keras.layers.Layer):
    ...     def build(self, shape): self.kernel = self.add_weight(shape=(shape[-1], 3))
    ...     def call(self, x): return keras.ops.matmul(x, self.kernel)
    >>> @linear_layer(Mix)
    ... def mix(layer):
    ...     return LinearLayer(layer)
    """

    def decorate(function):
        LINEAR_LAYERS.update(dict.fromkeys(targets, function))
        return function

    return decorate


def is_linear_layer(layer: keras.Operation) -> bool:
    """Whether layers of this class are described."""
    return speaker(type(layer), LINEAR_LAYERS) is not None


def find_linear_layer(layer: keras.Operation) -> LinearLayer | None:
    """The description of a layer; None where there is none, or where its kernel is not what it multiplies with."""
    special = getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None)
    return None if special or not is_linear_layer(layer) else LINEAR_LAYERS[speaker(type(layer), LINEAR_LAYERS)](layer)
