"""Which gates fit into a budget, and what each of them costs at the margin: arithmetic inside a training step."""

import numpy as np
from keras import ops

from kerasprune.gates.gate_costs import GateCosts

TOLERANCE = 1e-6  # of the limit; the sums are done in single precision


class GateBudget:
    """The costs of a set of gates and what fits into the budget, as constants of a step.

    The constants are arrays: a tensor would belong to the graph in which it is made. They are added and multiplied by
    operations of Keras, because an array and a tensor of torch have no sum.

    Args:
        costs: The costs.
        widths: int (groups,), how many of the gates, one after the other, each group has.
    """

    def __init__(self, costs: GateCosts, widths: list[int]):
        self.widths = widths
        self.group = np.repeat(np.arange(len(widths)), widths)
        self.fixed = costs.fixed.astype("float32")
        self.entries = costs.entries.astype("float32")
        self.measures = [
            (measure.factors.astype("float32"), measure.axes.astype("int32")) for measure in costs.measures.values()
        ]
        self.start = [float(cost) for cost in costs.of(np.ones(len(costs.entries))).values()]

    @property
    def num_groups(self) -> int:
        """Of every group at least one gate is open."""
        return len(self.widths)

    def order(self, evidence):
        """The gates from the most to the least worth keeping, the best of every group before all others: int (gates,).

        Ties go to the lower number.
        """
        gates = len(self.group)
        rank = ops.argsort(ops.argsort(-evidence))
        best = -ops.segment_max(-rank, self.group, num_segments=len(self.widths))
        is_best = ops.equal(rank, ops.take(best, self.group))
        return ops.argsort(ops.where(is_best, rank - gates, rank))

    def prefix_costs(self, order) -> list:
        """The costs of the first 1, 2, ..., gates of `order`: one float (gates,) for every measure."""
        counts = ops.add(self.fixed, ops.cumsum(ops.take(self.entries, order, axis=0), axis=0))  # (gates, vectors)
        return [self._total(counts, factors, axes) for factors, axes in self.measures]

    def affordable(self, costs: list, progress):
        """How many of the first gates fit: the limits fall from the whole model to the budget as `progress` grows.

        Args:
            costs: From `prefix_costs`.
            progress: 0 = everything fits, 1 = only what the budget allows; cubic between, most is removed early.

        Returns:
            int scalar; at least one gate of every group.
        """
        fits = True
        for cost, start in zip(costs, self.start, strict=True):
            limit = 1 + ops.maximum(start - 1, 0.0) * (1 - progress) ** 3
            fits = ops.logical_and(fits, cost <= limit * (1 + TOLERANCE))
        return ops.maximum(ops.sum(ops.cast(fits, "int32")), len(self.widths))

    def marginal(self, probability):
        """Derivative of the expected cost of the tightest measure with respect to every keep probability: (gates,)."""
        counts = ops.add(self.fixed, ops.matmul(probability, self.entries))  # (vectors,)
        totals = [self._total(counts, factors, axes) for factors, axes in self.measures]
        tightest = ops.one_hot(ops.argmax(ops.stack(totals)), len(totals))
        slopes = [self._slopes(counts, factors, axes) for factors, axes in self.measures]
        return ops.matmul(self.entries, ops.matmul(tightest, ops.stack(slopes)))

    @staticmethod
    def _total(counts, factors, axes):
        """The sum over all terms, for one or many vectors of counts: counts (..., vectors) to (...)."""
        product = factors
        for column in axes.T:
            product = ops.multiply(product, ops.take(counts, column, axis=-1))
        return ops.sum(product, axis=-1)

    @staticmethod
    def _slopes(counts, factors, axes):
        """Derivative of the sum with respect to every count: float (vectors,)."""
        columns = [ops.take(counts, column) for column in axes.T]
        slope = 0.0
        for place, column in enumerate(axes.T):
            others = factors
            for other, values in enumerate(columns):
                others = ops.multiply(others, values) if other != place else others
            slope = slope + ops.segment_sum(others, column, num_segments=counts.shape[0])
        return slope
