"""How far the outputs of a model are from those of another, and what each of them feels of a change."""

from dataclasses import dataclass

import numpy as np
from keras import ops

SMALLEST = 1e-37  # of a probability; its logarithm is finite in single precision


@dataclass(frozen=True, eq=False)
class SquaredError:
    """Half the squared error, for outputs of any kind.

    Attributes:
        targets: float (samples, outputs), the outputs that are wanted.
    """

    targets: np.ndarray

    def coordinates(self, outputs):
        """What is differentiated, on the backend."""
        return outputs

    def value(self, outputs: np.ndarray) -> float:
        """The mean over the samples."""
        return float(np.square(self.targets - outputs).sum(axis=1).mean() / 2)

    @property
    def scale(self) -> float:
        """The value for outputs that are always the mean of those that are wanted."""
        return self.value(self.targets.mean(axis=0))

    def normal(self, outputs: np.ndarray, slopes: np.ndarray, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """What the outputs of some samples feel when tensors move along which the coordinates have these slopes.

        Args:
            outputs: float (samples, outputs).
            slopes: float (samples, outputs, units).
            part: Which of all samples they are.

        Returns:
            float (samples, outputs, units), whose products are the Gauss-Newton matrix, and float (samples, units), the
            direction of descent.
        """
        return slopes, np.einsum("nc,ncu->nu", self.targets[part] - outputs, slopes)


@dataclass(frozen=True, eq=False)
class TemperedDivergence:
    """The Kullback-Leibler divergence of probabilities from the wanted ones, both flattened by a temperature.

    With the logits divided by `T`, answers that are all but certain say again which other classes are near. The value
    is multiplied by `T ** 2`, so that its curvature in the logits is `diag(p) - pp'` at every temperature.

    Attributes:
        targets: float (samples, classes), probabilities.
        temperature: `T`.
    """

    targets: np.ndarray
    temperature: float

    def coordinates(self, outputs):
        """The logits, up to a constant for every sample, which nothing feels."""
        return ops.log(ops.maximum(outputs, SMALLEST))

    def value(self, outputs: np.ndarray) -> float:
        """The mean over the samples."""
        wanted, found = self._flat(self.targets), self._flat(outputs)
        return float(self.temperature**2 * np.sum(wanted * (np.log(wanted) - np.log(found)), axis=1).mean())

    @property
    def scale(self) -> float:
        """The value for the mean of the wanted probabilities."""
        wanted = self._flat(self.targets)
        mean = wanted.mean(axis=0)
        return float(self.temperature**2 * np.sum(wanted * (np.log(wanted) - np.log(mean)), axis=1).mean())

    def normal(self, outputs: np.ndarray, slopes: np.ndarray, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """As in `SquaredError`, with slopes of the logits."""
        found = self._flat(outputs)
        missing = self.temperature * (self._flat(self.targets[part]) - found)
        mean = np.einsum("nc,ncu->nu", found, slopes)
        return np.sqrt(found)[:, :, None] * (slopes - mean[:, None]), np.einsum("nc,ncu->nu", missing, slopes)

    def _flat(self, probabilities: np.ndarray) -> np.ndarray:
        logits = np.log(np.maximum(probabilities, SMALLEST)) / self.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def output_error(targets: np.ndarray, temperature: float) -> SquaredError | TemperedDivergence:
    """The divergence where the outputs are probabilities, no less than 0 and 1 in sum; else the squared error."""
    targets = targets.astype(float)
    sums = targets.sum(axis=1)
    if targets.shape[1] > 1 and targets.min() >= 0 and np.abs(sums - 1).max() < 1e-3:
        return TemperedDivergence(targets, temperature)
    return SquaredError(targets)
