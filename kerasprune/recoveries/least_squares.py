"""Damped least squares of many products of rows and a matrix, with their sums streamed."""

import numpy as np


class Sums:
    """The normal equations of the change of a layer's kernel and bias.

    Args:
        blocks: Products that stand side by side, each with rows of its own.
        unknowns: Rows of the matrix of a block; that of the bias is added to them here.
        outputs: Columns of the matrix of a block.
    """

    def __init__(self, blocks: int, unknowns: int, outputs: int):
        size = unknowns + 1  # the last row and column are those of the bias
        self.gram = np.zeros((blocks, size, size))
        self.cross = np.zeros((blocks, size, outputs))
        self.mean = np.zeros((blocks, outputs))
        self.residual = self.squares = 0.0
        self.count = 0

    def add(self, seen: np.ndarray, target: np.ndarray, found: np.ndarray) -> None:
        """Take more rows in.

        Args:
            seen: float (blocks, rows, unknowns).
            target: float (blocks, rows, outputs), what they should give.
            found: The same, what they give now.
        """
        missing = target - found
        ones = np.ones((*seen.shape[:2], 1), seen.dtype)
        seen = np.concatenate([seen, ones], axis=2)
        across = np.swapaxes(seen, 1, 2)
        self.gram += across @ seen
        self.cross += across @ missing
        self.residual += float(np.square(missing, dtype=float).sum())
        self.squares += float(np.square(target, dtype=float).sum())
        self.mean += target.sum(axis=1, dtype=float)
        self.count += seen.shape[1]

    def mean_change(self) -> np.ndarray:
        """The change of the bias alone: float (blocks, unknowns + 1, outputs)."""
        change = np.zeros_like(self.cross)
        change[:, -1] = self.cross[:, -1] / self.count
        return change

    def change(self, damping: float, movable_bias: bool) -> np.ndarray:
        """What to add to kernel and bias: float (blocks, unknowns + 1, outputs).

        Args:
            damping: What is added to the diagonal, as a fraction of its mean.
            movable_bias: Whether there is a bias.
        """
        unknowns = self.gram.shape[1] - 1
        size = unknowns + movable_bias
        diagonal = np.arange(unknowns)
        scale = self.gram[:, diagonal, diagonal].mean(axis=1)
        gram = self.gram[:, :size, :size].copy()
        # Where nothing comes in, any number holds the kernel where it is.
        gram[:, diagonal, diagonal] += np.where(scale > 0, damping * scale, 1.0)[:, None]
        change = np.zeros_like(self.cross)
        change[:, :size] = np.linalg.solve(gram, self.cross[:, :size])
        return change

    def error(self, change: np.ndarray) -> float:
        """The squared error after a change, over the variance of the target."""
        error = self.residual - 2 * np.sum(change * self.cross) + np.sum(change * (self.gram @ change))
        variance = self.squares - float(np.square(self.mean).sum()) / max(self.count, 1)
        return float(max(error, 0.0) / variance) if variance > 0 else 0.0
