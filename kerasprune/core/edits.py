"""Numbers in a model that follow what is kept of its channels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Count:
    """A number in a layer's configuration that is `factor` times the number of kept entries of `labels`."""

    labels: np.ndarray
    factor: int = 1

    def under(self, keep: np.ndarray) -> int:
        """The number for this `keep`."""
        return int(np.count_nonzero(keep[self.labels])) * self.factor


@dataclass(frozen=True, eq=False)
class Share:
    """A number that is `value` times a power of the share of `labels` that is kept.

    Reading zero for all but k of C channels, a mean over C is k/C times the mean over k: the share to the power of 1.
    """

    labels: np.ndarray
    power: float
    value: float = 1.0

    def under(self, keep: np.ndarray) -> float:
        """The number for this `keep`."""
        return self.value * (np.count_nonzero(keep[self.labels]) / len(self.labels)) ** self.power


@dataclass(frozen=True, eq=False)
class Whole:
    """The number of channels of a statistic where some of them are removed; None where all of `labels` are kept."""

    labels: np.ndarray
    value: int

    def under(self, keep: np.ndarray) -> int | None:
        """The number for this `keep`."""
        return None if keep[self.labels].all() else self.value
