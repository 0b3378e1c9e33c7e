"""Sums over the entries of each channel."""

import numpy as np


def by_id(labels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum the values of equal labels.

    Args:
        labels: int (n,), ids that may repeat; 0 = not a channel.
        values: float (n,).

    Returns:
        The distinct ids without 0, and the sum for each.
    """
    low = int(labels.min())
    sums = np.bincount(labels - low, values)
    present = np.bincount(labels - low) > 0
    ids = np.flatnonzero(present) + low
    sums = sums[present]
    return (ids[1:], sums[1:]) if ids[0] == 0 else (ids, sums)
