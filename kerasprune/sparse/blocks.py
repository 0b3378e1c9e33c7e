"""Weights that stay or go together: blocks of a kernel, or some out of every few."""

import math

import numpy as np
from keras import ops

from kerasprune.core import Registry

# From the magnitudes in the blocks, float (..., rows, columns of a block), and their numbers, to one for each block.
POOLINGS: Registry = Registry("pooling")


@POOLINGS.register("mean")
def mean(magnitudes, numbers: np.ndarray):
    """The mean magnitude of a block."""
    return ops.sum(magnitudes, axis=(3, 4)) / ops.convert_to_tensor(numbers.astype("float32"))


@POOLINGS.register("max")
def largest_of_block(magnitudes, numbers: np.ndarray):
    """The largest magnitude of a block."""
    return ops.max(magnitudes, axis=(3, 4))


class Blocks:
    """The blocks of one kernel, rectangles over its last two axes: inputs and outputs of Dense and convolutions.

    Every window of a convolution has blocks of its own. Those at the edges are smaller where the block does not divide
    the kernel.

    Args:
        shape: Of the kernel.
        block: Rows and columns, (1, 1) for single weights.

    Attributes:
        sizes: int (blocks,), the numbers of weights in each.

    Example:

    >>> Blocks((3, 4), (2, 4)).sizes
    array([8, 4])
    """

    def __init__(self, shape: tuple[int, ...], block: tuple[int, int]):
        rows, columns = shape[-2] if len(shape) > 1 else 1, shape[-1]
        self.block = min(block[0], rows), min(block[1], columns)
        self.shape = math.prod(shape[:-2]), rows, columns
        across = [np.diff(np.r_[0 : length : self.block[axis], length]) for axis, length in enumerate((rows, columns))]
        numbers = across[0][:, None] * across[1]
        self.numbers = np.broadcast_to(numbers, (self.shape[0], *numbers.shape))
        self.sizes = self.numbers.reshape(-1)

    def pooled(self, magnitudes, pooling: str):
        """One number per block from one per weight: float (weights,) to (blocks,)."""
        if self.block == (1, 1):
            return magnitudes
        windows, down, across = self.numbers.shape
        high, wide = self.block
        missing = [(0, 0), (0, down * high - self.shape[1]), (0, across * wide - self.shape[2])]
        padded = ops.pad(ops.reshape(magnitudes, self.shape), missing)  # magnitudes are not below 0
        parts = ops.transpose(ops.reshape(padded, (windows, down, high, across, wide)), (0, 1, 3, 2, 4))
        return ops.reshape(POOLINGS[pooling](parts, self.numbers), (-1,))

    def spread(self, chosen):
        """One number per weight from one per block: (blocks,) to (weights,)."""
        if self.block == (1, 1):
            return chosen
        high, wide = self.block
        whole = ops.repeat(ops.repeat(ops.reshape(chosen, self.numbers.shape), high, axis=1), wide, axis=2)
        return ops.reshape(whole[:, : self.shape[1], : self.shape[2]], (-1,))


def best_blocks(scores, sizes: np.ndarray, allowed):
    """1 for as many of the blocks of highest score as have `allowed` weights together, and for one in any case.

    Ties go to the first: float (blocks,) to float (blocks,).
    """
    order = ops.argsort(-scores)
    together = ops.cumsum(ops.take(ops.convert_to_tensor(sizes.astype("int32")), order))
    fits = together <= ops.maximum(allowed, together[0])
    return ops.cast(ops.take(fits, ops.argsort(order)), "float32")


def best_of_every(magnitudes, shape: tuple[int, ...], group: int, allowed):
    """1 for the `allowed` largest of every `group` weights that follow each other along the inputs of a kernel.

    The inputs are the last axis but one. Ties go to the first: float (weights,) to float (weights,).
    """
    rows, columns = shape[-2] if len(shape) > 1 else 1, shape[-1]
    windows = math.prod(shape[:-2])
    groups = -(-rows // group)
    padded = ops.pad(
        ops.reshape(magnitudes, (windows, rows, columns)),
        [(0, 0), (0, groups * group - rows), (0, 0)],
        constant_values=-np.inf,
    )
    order = ops.argsort(-ops.reshape(padded, (windows, groups, group, columns)), axis=2)
    ranks = ops.argsort(order, axis=2)
    best = ops.cast(ranks < allowed, "float32")
    return ops.reshape(ops.reshape(best, (windows, groups * group, columns))[:, :rows], (-1,))
