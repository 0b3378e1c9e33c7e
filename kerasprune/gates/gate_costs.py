"""What gates on channels cost, laid out for use inside a training step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from kerasprune.core.cost import Sum
from kerasprune.core.graph import ChannelGraph


@dataclass(frozen=True, eq=False)
class Price:
    """One budgeted quantity as a sum of products of counts, in units of its limit.

    Attributes:
        factors: float (n,); a cost of 1 is the limit itself.
        axes: int (n, k), the vectors whose counts are multiplied; vector 0 counts as 1.
    """

    factors: np.ndarray
    axes: np.ndarray


@dataclass(frozen=True, eq=False)
class GateCosts:
    """Costs of any keep of the gated ids, as fractions of their limits.

    Attributes:
        fixed: float (v,), the entries of every distinct vector that no gate can remove.
        entries: float (gates, v), the entries of every vector that one gate opens.
        measures: What the budget limits, by name.
    """

    fixed: np.ndarray
    entries: np.ndarray
    measures: Mapping[str, Price]

    @classmethod
    def build(
        cls, graph: ChannelGraph, gated: np.ndarray, limits: Mapping[str, float], owners: np.ndarray | None = None
    ) -> "GateCosts":
        """The costs of a traced model.

        Args:
            graph: The trace.
            gated: int (n,), the ids that have a gate; all others stay.
            limits: Absolute limits by the name of a measure.
            owners: bool (gates, n), which of these ids each gate opens; by default each id has a gate of its own.
        """
        table = graph.cost_table
        by_id = np.zeros((graph.num_ids, table.num_vectors))
        np.add.at(by_id, (table.ids, table.vector), 1.0)
        columns, position = np.unique(by_id, axis=1, return_inverse=True)
        position = np.ravel(position)
        first = position[0]  # vector 0 is empty: it counts as the constant 1
        order = np.concatenate([[first], np.delete(np.arange(columns.shape[1]), first)])
        position, columns = np.argsort(order)[position], columns[:, order]
        stays = np.ones(graph.num_ids, bool)
        stays[gated] = False
        fixed = columns[stays].sum(axis=0)
        fixed[0] = 1.0
        measures = {name: _priced(table.sums[name], position, limit) for name, limit in limits.items()}
        entries = columns[gated] if owners is None else owners @ columns[gated]
        return cls(fixed, entries, measures)

    def config(self) -> dict:
        """The costs as lists and numbers, which a layer's configuration can hold."""
        gates, vectors = np.nonzero(self.entries)
        return {
            "fixed": self.fixed.tolist(),
            "gates": len(self.entries),
            "entries": [gates.tolist(), vectors.tolist(), self.entries[gates, vectors].tolist()],
            "measures": {
                name: {key: value.tolist() for key, value in asdict(measure).items()}
                for name, measure in self.measures.items()
            },
        }

    @classmethod
    def from_config(cls, config: Mapping) -> "GateCosts":
        """The costs that `config` describes."""
        entries = np.zeros((config["gates"], len(config["fixed"])))
        gates, vectors, numbers = config["entries"]
        entries[np.array(gates, int), np.array(vectors, int)] = numbers
        measures = {
            name: Price(np.array(measure["factors"], float), np.array(measure["axes"], int))
            for name, measure in config["measures"].items()
        }
        return cls(np.array(config["fixed"], float), entries, measures)

    def of(self, keep: np.ndarray) -> dict[str, float]:
        """The costs of a keep, or of keep probabilities, (gates,), as fractions of the limits."""
        counts = self.fixed + np.asarray(keep, float) @ self.entries
        return {
            name: float((measure.factors * counts[measure.axes].prod(axis=1)).sum())
            for name, measure in self.measures.items()
        }


def _priced(found: Sum, position: np.ndarray, limit: float) -> Price:
    """Terms with the same counts are one; the columns of `axes` have no order."""
    axes = np.sort(position[found.axes], axis=1)
    axes = axes[:, axes.any(axis=0)] if axes.any() else axes[:, :1]
    distinct, row = np.unique(axes, axis=0, return_inverse=True)
    return Price(np.bincount(np.ravel(row), found.factors / limit, minlength=len(distinct)), distinct)
