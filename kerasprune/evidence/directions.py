"""Along which directions the outputs of a batch are derived, so that the curvature of a loss comes out."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from kerasprune.evidence.losses import KnownLoss

AT_ONCE = 16  # directions; their derivatives are held together


def directions(
    loss: KnownLoss, outputs: np.ndarray, labels: np.ndarray | None = None, first: Iterable[np.ndarray] = ()
) -> Iterator[np.ndarray]:
    """Every direction, some at a time.

    Args:
        loss: The loss of a position; that of a sample is the mean over its positions.
        outputs: (batch, ..., outputs).
        labels: Where the curvature depends on them.
        first: Rows of the shape of the outputs that come before the others.

    Yields:
        float32 (directions, *shape of the outputs), at most `AT_ONCE`.
    """
    flat = np.asarray(outputs, float).reshape(len(outputs), -1, outputs.shape[-1])
    labels = None if labels is None else np.asarray(labels, float)
    found = (_at(position, row) for row in loss.directions(flat, labels) for position in range(flat.shape[1]))
    found = itertools.chain((np.reshape(row, flat.shape) for row in first), found)
    while part := list(itertools.islice(found, AT_ONCE)):
        yield np.stack(part).reshape(-1, *outputs.shape).astype("float32")


def _at(position: int, row: np.ndarray) -> np.ndarray:
    """The row at one position, zeros at the others: (batch, positions, outputs)."""
    found = np.zeros_like(row)
    found[:, position] = row[:, position] / np.sqrt(row.shape[1])
    return found
