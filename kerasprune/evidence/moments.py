"""What the channels that are read have in common: the mean and the covariance of their values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import Batch, ChannelGraph, DataError
from kerasprune.graph import Program, Read

MOST_ENTRIES = 8192  # along an axis; the covariance holds the square of it


@dataclass(frozen=True, eq=False)
class Moments:
    """One tensor whose channels are read, over all samples and positions.

    Attributes:
        labels: int (width,), the ids along the axis of the channels; an id that was flattened stands there often.
        readers: Paths of the operations that read the tensor.
        mean: float (width,).
        covariance: float (width, width).
        rows: Samples times positions.
    """

    labels: np.ndarray
    readers: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray
    rows: int


def read_moments(model: keras.Model, graph: ChannelGraph, data: Iterable[Batch]) -> tuple[Moments, ...]:
    """Run a model once over the data and take the moments of every tensor that is read and has free channels.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        data: Batches that fit the model; labels are not used.

    Returns:
        One for every tensor and axis, in the order of execution.

    Raises:
        DataError: A tensor has too many entries for a covariance, or holds NaN or infinity.
    """
    program = Program(model, graph)
    found: dict[tuple, list[Read]] = {}
    for read in program.reads():
        if not graph.frozen[read.labels].all():
            found.setdefault((id(read.tensor), read.axis), []).append(read)
    sums = [_Sums(reads) for reads in found.values()]
    if not sums:
        return ()
    for total in sums:
        if len(total.labels) > MOST_ENTRIES:
            raise DataError(
                f"`{total.readers[0]}` reads {len(total.labels)} entries, and a covariance of more than {MOST_ENTRIES} "
                "takes too much memory. Use a criterion that looks at channels one by one, such as 'taylor'."
            )
    running = program.to([total.tensor for total in sums])
    for batch in data:
        for total, values in zip(sums, keras.tree.flatten(running.predict_on_batch(batch.x)), strict=True):
            total.add(values)
    return tuple(total.moments() for total in sums)


class _Sums:
    """Sums of values and of their products, about the mean of the first batch, so that little cancels."""

    def __init__(self, reads: Sequence[Read]):
        self.tensor, self.axis, self.labels = reads[0].tensor, reads[0].axis, reads[0].labels
        self.readers = tuple(read.call.path for read in reads)
        self.rows = 0
        self.shift = 0.0
        self.total = np.zeros(len(self.labels))
        self.products = np.zeros((len(self.labels), len(self.labels)))

    def add(self, values: np.ndarray) -> None:
        """Values of one batch, with the axes of the tensor."""
        rows = np.moveaxis(values, self.axis, -1).reshape(-1, len(self.labels)).astype(float)
        if not np.isfinite(rows).all():
            raise DataError(f"What {self.readers[0]!r} reads holds NaN or infinity. Check the weights before it.")
        if not self.rows:
            self.shift = rows.mean(axis=0)
        rows -= self.shift
        self.rows += len(rows)
        self.total += rows.sum(axis=0)
        self.products += rows.T @ rows

    def moments(self) -> Moments:
        mean = self.total / self.rows
        covariance = self.products / self.rows - np.outer(mean, mean)
        return Moments(self.labels, self.readers, self.shift + mean, covariance, self.rows)


def pooled(matrix: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """A covariance of entries as one of channels: the entries of one channel are taken for more positions of it.

    Args:
        matrix: float (width, width).
        labels: int (width,), whose entries they are.
        ids: int (channels,); an entry that one of them lacks is zero.

    Returns:
        float (channels, channels).
    """
    entries = [np.flatnonzero(labels == channel) for channel in ids]
    most = max(map(len, entries))
    total = np.zeros((len(ids), len(ids)))
    for rank in range(most):
        here = np.flatnonzero([len(places) > rank for places in entries])
        chosen = [entries[number][rank] for number in here]
        total[np.ix_(here, here)] += matrix[np.ix_(chosen, chosen)]
    return total / most
