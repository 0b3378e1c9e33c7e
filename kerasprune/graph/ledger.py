"""The notebook of a trace: rules write into it, `close` makes the immutable graph of it."""

from collections.abc import Collection

import numpy as np

from kerasprune.core import CallLabels, ChannelGraph, ChannelGroup, Term, WeightLabels
from kerasprune.core.renumber import Renumber


class Ledger:
    """Collects ids, ties, reasons, weights and costs while the rules run.

    The ids handed out here are provisional: `close` joins those that are tied and numbers them anew, in the order in
    which they were made.

    Args:
        inexact: Class names of layers that shall lose channels though the others change by it.
    """

    def __init__(self, inexact: Collection[str] = ()):
        self.wanted = frozenset(inexact)
        self.inexact: dict[str, str] = {}
        self.next_id = 1
        self.made: list[tuple[str, np.ndarray]] = []
        self.ties: list[tuple[np.ndarray, np.ndarray, str]] = []
        self.frozen: list[tuple[np.ndarray, str]] = []
        self.weights: dict[int, WeightLabels] = {}
        self.calls: list[CallLabels] = []
        self.edits: dict[str, dict[str, object]] = {}
        self.declined: dict[str, str] = {}
        self.held: dict[int, str] = {}  # by the `id` of a weight: why a layer that is left alone needs it as it is
        self.params: list[Term] = []
        self.macs: list[Term] = []

    def make(self, path: str, width: int) -> np.ndarray:
        """`width` new ids, made by the layer at `path`."""
        ids = np.arange(self.next_id, self.next_id + width)
        self.next_id += width
        self.made.append((path, ids))
        return ids

    def tie(self, first: np.ndarray, second: np.ndarray, why: str) -> None:
        """Entry by entry, the two live or die together; what is tied to a non-channel stays."""
        if first is second:
            return
        first, second = np.broadcast_arrays(first, second)
        apart = first != second
        fixed = apart & ((first == 0) | (second == 0))
        if fixed.any():
            self.freeze((first + second)[fixed], why)
        both = apart & ~fixed
        if both.any():
            self.ties.append((first[both], second[both], why))

    def freeze(self, ids: np.ndarray, why: str) -> None:
        """These channels stay, and this is the reason."""
        self.frozen.append((np.ravel(ids), why))

    def close(self, input_shapes: tuple[tuple[int, ...], ...]) -> ChannelGraph:
        """The graph; the ledger must not be used afterwards."""
        final = _number(self.next_id, self.ties)
        renumber = Renumber(final)
        calls = tuple(renumber.call(call) for call in self.calls)
        weights = tuple(renumber.weight(weight) for weight in self.weights.values())
        return ChannelGraph(
            num_ids=int(final.max()) + 1,
            groups=self._groups(final, renumber.vectors()),
            weights=weights,
            calls=calls,
            edits={path: {key: renumber.value(v) for key, v in edit.items()} for path, edit in self.edits.items()},
            declined=dict(self.declined),
            input_shapes=input_shapes,
            params_terms=tuple(renumber.term(term) for term in self.params),
            macs_terms=tuple(renumber.term(term) for term in self.macs),
            inexact=dict(self.inexact),
        )

    def _groups(self, final: np.ndarray, vectors: list[np.ndarray]) -> tuple[ChannelGroup, ...]:
        num_ids = int(final.max()) + 1
        reason = np.full(num_ids, -1)
        for number, (ids, _) in enumerate(self.frozen):
            ids = final[ids]
            reason[ids[reason[ids] < 0]] = number
        part = _partition(reason, vectors)
        makers: dict[int, dict[str, None]] = {}
        for path, ids in self.made:
            for number in np.unique(part[final[ids]]).tolist():
                makers.setdefault(number, {})[path] = None
        ties: dict[int, dict[str, None]] = {}
        for ids, _, why in self.ties:
            for number in np.unique(part[final[ids]]).tolist():
                ties.setdefault(number, {})[why] = None
        names: dict[str, int] = {}
        groups = []
        for ids in _members(part):
            number = int(part[ids[0]])
            made_by = tuple(makers[number])
            count = names[made_by[0]] = names.get(made_by[0], 0) + 1
            why = None if reason[ids[0]] < 0 else self.frozen[reason[ids[0]]][1]
            name = made_by[0] if count == 1 else f"{made_by[0]}:{count}"
            groups.append(ChannelGroup(name, ids, why, made_by, tuple(ties.get(number, ()))))
        return tuple(groups)


def _number(count: int, ties: list) -> np.ndarray:
    """int (count,): the final id of every provisional id; connected ones share theirs, in order of first appearance."""
    if not ties:
        return np.arange(count)
    from scipy.sparse import coo_array  # noqa: PLC0415  (half of the import time of this package)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    first = np.concatenate([tie[0] for tie in ties])
    second = np.concatenate([tie[1] for tie in ties])
    edges = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    _, where, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(where), int)
    rank[np.argsort(where)] = np.arange(len(where))
    return rank[inverse]


def _partition(reason: np.ndarray, vectors: list[np.ndarray]) -> np.ndarray:
    """int (num_ids,): the finest division in which no axis of the model holds a part of a group.

    Two ids share a group when every axis holds both or neither, and they stay for the same reason. So a `keep` that
    keeps one id of every group empties no axis. Partition refinement: linear in the length of the vectors.
    """
    _, part = np.unique(reason, return_inverse=True)
    part[0] = part.max() + 1
    size = np.bincount(part, minlength=len(part) + 1).tolist()
    seen = set()
    for vector in vectors:
        ids = np.unique(vector)
        ids = ids[ids > 0]
        signature = ids.tobytes()
        if signature in seen:
            continue
        seen.add(signature)
        old, inverse, inside = np.unique(part[ids], return_inverse=True, return_counts=True)
        new = old.copy()
        for position, number in enumerate(old.tolist()):
            if inside[position] < size[number]:
                new[position] = len(size)
                size[number] -= int(inside[position])
                size.append(int(inside[position]))
        part[ids] = new[inverse]
    return part


def _members(part: np.ndarray) -> list[np.ndarray]:
    """The ids of every part but that of id 0, ordered by their first id."""
    order = np.argsort(part, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
    return sorted((ids for ids in pieces if ids[0] != 0), key=lambda ids: ids[0])
