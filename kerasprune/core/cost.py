"""Parameters, multiply-accumulates and the like as sums of products of channel counts: cheap for any `keep`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Term:
    """`factor` times the product of the kept counts of `axes`, spent in `layer`.

    Attributes:
        layer: Path of the layer.
        factor: Everything that does not depend on `keep`: kernel area, positions, unlabelled widths.
        axes: Label vectors; each contributes its number of kept entries.
    """

    layer: str
    factor: float
    axes: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, eq=False)
class Sum:
    """The terms of one measure in arrays.

    Attributes:
        factors: float (n,), the factor of each term.
        axes: int (n, k), the vectors of each term, padded with 0.
        layers: Path of the layer of each term.
    """

    factors: np.ndarray
    axes: np.ndarray
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CostTable:
    """The sums of a model, all on the same vectors.

    Attributes:
        ids: int (n,), all label vectors one after the other.
        vector: int (n,), which vector each entry of `ids` belongs to.
        num_vectors: Number of vectors; vector 0 is empty and counts as the constant 1.
        sums: By name of the measure.
    """

    ids: np.ndarray
    vector: np.ndarray
    num_vectors: int
    sums: Mapping[str, Sum]

    @classmethod
    def build(cls, measured: Mapping[str, tuple[Term, ...]]) -> "CostTable":
        """Lay the terms of some measures out in arrays; a vector used by many terms is stored once."""
        index: dict[int, int] = {}
        vectors: list[np.ndarray] = []
        for terms in measured.values():
            for axis in (axis for term in terms for axis in term.axes):
                if id(axis) not in index:
                    vectors.append(axis)
                    index[id(axis)] = len(vectors)
        return cls(
            ids=np.concatenate(vectors) if vectors else np.zeros(0, int),
            vector=np.repeat(np.arange(1, len(vectors) + 1), [len(vector) for vector in vectors]),
            num_vectors=len(vectors) + 1,
            sums={name: _sum(terms, index) for name, terms in measured.items()},
        )

    def counts(self, keep: np.ndarray) -> np.ndarray:
        """Kept (or expected) entries of every vector: float (num_vectors,); entry 0 is the constant 1."""
        counts = np.bincount(self.vector, keep[self.ids], minlength=self.num_vectors)
        counts[0] = 1.0
        return counts

    def values(self, name: str, keep: np.ndarray) -> np.ndarray:
        """What every term of a measure comes to: float (n,)."""
        found = self.sums[name]
        return found.factors * self.counts(keep)[found.axes].prod(axis=1)

    def per_layer(self, keep: np.ndarray) -> dict[str, tuple[float, float]]:
        """Layer path to (parameters, multiply-accumulates)."""
        totals: dict[str, list[float]] = {}
        for position, name in enumerate(("params", "flops")):
            for layer, value in zip(self.sums[name].layers, self.values(name, keep).tolist(), strict=True):
                totals.setdefault(layer, [0.0, 0.0])[position] += value
        return {layer: (params, macs) for layer, (params, macs) in totals.items()}

    def gradient(self, name: str, keep: np.ndarray, num_ids: int) -> np.ndarray:
        """Derivative of a measure with respect to each entry of `keep`: float (num_ids,)."""
        found = self.sums[name]
        counts = self.counts(keep)[found.axes]
        by_vector = np.zeros(self.num_vectors)
        for k in range(counts.shape[1]):
            others = np.delete(counts, k, axis=1).prod(axis=1)
            np.add.at(by_vector, found.axes[:, k], found.factors * others)
        return np.bincount(self.ids, by_vector[self.vector], minlength=num_ids)


def _sum(terms: tuple[Term, ...], index: Mapping[int, int]) -> Sum:
    axes = np.zeros((len(terms), max((len(term.axes) for term in terms), default=0)), int)
    for row, term in zip(axes, terms, strict=True):
        row[: len(term.axes)] = [index[id(axis)] for axis in term.axes]
    return Sum(np.array([term.factor for term in terms], float), axes, tuple(term.layer for term in terms))
