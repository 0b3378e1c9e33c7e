"""Parameters and multiply-accumulates as sums of products of channel counts: cheap for any `keep`."""

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
class CostTable:
    """The terms of a model in arrays.

    Attributes:
        ids: int (n,), all label vectors one after the other.
        vector: int (n,), which vector each entry of `ids` belongs to.
        num_vectors: Number of vectors; vector 0 is empty and counts as the constant 1.
        params_factor: float (p,). params_axes: int (p, k), vectors of each term, padded with 0.
        macs_factor: float (m,). macs_axes: int (m, k).
        params_layers: Path of the layer of each term. macs_layers: likewise.
    """

    ids: np.ndarray
    vector: np.ndarray
    num_vectors: int
    params_factor: np.ndarray
    params_axes: np.ndarray
    params_layers: tuple[str, ...]
    macs_factor: np.ndarray
    macs_axes: np.ndarray
    macs_layers: tuple[str, ...]

    @classmethod
    def build(cls, params: tuple[Term, ...], macs: tuple[Term, ...]) -> "CostTable":
        """Lay the terms out in arrays; a vector used by many terms is stored once."""
        index: dict[int, int] = {}
        vectors: list[np.ndarray] = []
        for term in (*params, *macs):
            for axis in term.axes:
                if id(axis) not in index:
                    vectors.append(axis)
                    index[id(axis)] = len(vectors)
        arity = max((len(term.axes) for term in (*params, *macs)), default=0)

        def rows(terms):
            table = np.zeros((len(terms), arity), int)
            for row, term in zip(table, terms, strict=True):
                row[: len(term.axes)] = [index[id(axis)] for axis in term.axes]
            return table

        lengths = [len(vector) for vector in vectors]
        return cls(
            ids=np.concatenate(vectors) if vectors else np.zeros(0, int),
            vector=np.repeat(np.arange(1, len(vectors) + 1), lengths),
            num_vectors=len(vectors) + 1,
            params_factor=np.array([term.factor for term in params], float),
            params_axes=rows(params),
            params_layers=tuple(term.layer for term in params),
            macs_factor=np.array([term.factor for term in macs], float),
            macs_axes=rows(macs),
            macs_layers=tuple(term.layer for term in macs),
        )

    def counts(self, keep: np.ndarray) -> np.ndarray:
        """Kept (or expected) entries of every vector: float (num_vectors,); entry 0 is the constant 1."""
        counts = np.bincount(self.vector, keep[self.ids], minlength=self.num_vectors)
        counts[0] = 1.0
        return counts

    def params(self, keep: np.ndarray) -> np.ndarray:
        """Parameters of every term: float (p,)."""
        return self.params_factor * self.counts(keep)[self.params_axes].prod(axis=1)

    def macs(self, keep: np.ndarray) -> np.ndarray:
        """Multiply-accumulates of every term: float (m,)."""
        return self.macs_factor * self.counts(keep)[self.macs_axes].prod(axis=1)

    def per_layer(self, keep: np.ndarray) -> dict[str, tuple[float, float]]:
        """Layer path to (parameters, multiply-accumulates)."""
        totals: dict[str, list[float]] = {}
        for position, (layers, values) in enumerate(
            ((self.params_layers, self.params(keep)), (self.macs_layers, self.macs(keep)))
        ):
            for layer, value in zip(layers, values.tolist(), strict=True):
                totals.setdefault(layer, [0.0, 0.0])[position] += value
        return {layer: (params, macs) for layer, (params, macs) in totals.items()}

    def macs_gradient(self, keep: np.ndarray, num_ids: int) -> np.ndarray:
        """Derivative of the multiply-accumulates with respect to each entry of `keep`: float (num_ids,)."""
        return self._gradient(self.macs_factor, self.macs_axes, keep, num_ids)

    def params_gradient(self, keep: np.ndarray, num_ids: int) -> np.ndarray:
        """Derivative of the parameters with respect to each entry of `keep`: float (num_ids,)."""
        return self._gradient(self.params_factor, self.params_axes, keep, num_ids)

    def _gradient(self, factor, axes, keep, num_ids):
        counts = self.counts(keep)[axes]
        by_vector = np.zeros(self.num_vectors)
        for k in range(axes.shape[1]):
            others = np.delete(counts, k, axis=1).prod(axis=1)
            np.add.at(by_vector, axes[:, k], factor * others)
        return np.bincount(self.ids, by_vector[self.vector], minlength=num_ids)
