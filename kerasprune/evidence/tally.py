"""One metric of Keras kept for several candidates at a time."""

import keras
import numpy as np
from keras import ops

MOST = 2**16  # numbers of one candidate that wait to be counted together


class Tally:
    """What a metric has seen of each of several candidates.

    Args:
        metric: The metric; what it has seen before is forgotten.
        count: How many candidates there are.
    """

    def __init__(self, metric: keras.metrics.Metric, count: int):
        self.metric = metric
        self.seen: list[list[np.ndarray] | None] = [None] * count
        self.waiting: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(count)]

    def add(self, candidate: int, labels: np.ndarray, outputs: np.ndarray) -> None:
        """Count samples of one candidate."""
        waiting = self.waiting[candidate]
        waiting.append((labels, outputs))
        if sum(each.size for _, each in waiting) > MOST:
            self._count(candidate)

    def values(self) -> np.ndarray:
        """The metric of each candidate: float (candidates,); of several numbers the mean."""
        return np.array([self._value(candidate) for candidate in range(len(self.seen))])

    def _value(self, candidate: int) -> float:
        self._count(candidate)
        return float(np.mean(ops.convert_to_numpy(self.metric.result())))

    def _count(self, candidate: int) -> None:
        """Let the metric see what waits, behind what it has seen of this candidate."""
        self.metric.reset_state()
        for variable, value in zip(self.metric.variables, self.seen[candidate] or (), strict=False):
            variable.assign(value)
        if self.waiting[candidate]:
            labels, outputs = map(np.concatenate, zip(*self.waiting[candidate], strict=True))
            self.metric.update_state(labels, outputs)
            self.waiting[candidate].clear()
        self.seen[candidate] = [np.array(ops.convert_to_numpy(variable.value)) for variable in self.metric.variables]
