"""Putting together what several weights, layers or readers say about one channel."""

import numpy as np

from kerasprune.core import Registry

REDUCTIONS = Registry("reduction")


class Members:
    """Collects values of channels from several places; a channel can have one value at each place.

    Args:
        num_ids: Number of channel ids.
        reduction: How the values of one channel become one: "sum", "mean" or "max".
    """

    def __init__(self, num_ids: int, reduction: str):
        self._combine, self._finish = REDUCTIONS[reduction]
        self._values = np.zeros(num_ids)
        self._counts = np.zeros(num_ids)

    def add(self, ids: np.ndarray, values: np.ndarray) -> None:
        """One place says `values`, float (n,), about the distinct channels `ids`, int (n,)."""
        first = self._counts[ids] == 0
        self._values[ids] = np.where(first, values, self._combine(self._values[ids], values))
        self._counts[ids] += 1

    def result(self) -> np.ndarray:
        """float (num_ids,); +inf, "stays", for a channel about which no place said anything."""
        known = self._counts > 0
        return np.where(known, self._finish(self._values, np.maximum(self._counts, 1)), np.inf)


REDUCTIONS.register("sum")((np.add, lambda values, counts: values))
REDUCTIONS.register("mean")((np.add, np.divide))
REDUCTIONS.register("max")((np.maximum, lambda values, counts: values))
