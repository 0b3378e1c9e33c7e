"""Ways to compress tried on some samples and judged by others."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import Batch, DataError
from kerasprune.evidence import Sampling, Weighing
from kerasprune.graph import Opened, align_inputs, as_inputs, functional
from kerasprune.selection import Budget
from kerasprune.strategies.rounds import Rounds

HELD_OUT = 4  # one sample of so many is held out


class Comparison:
    """Samples in two parts: one to compress on, one to judge by.

    Args:
        rounds: The steps of a round.
        budget: The limits of the smaller model.
        found: All samples, at least `HELD_OUT`.
        labels: Whether they have labels that the loss takes, see `has_labels`.

    Attributes:
        rounds: The steps of a round on the first part.
        samples: How many are held out.
    """

    def __init__(self, rounds: Rounds, budget: Budget, found: list[Batch], labels: bool):
        self.budget, self.labels = budget, labels
        seen, held = _parts(found)
        self.rounds = replace(rounds, sampling=replace(rounds.sampling, data=seen, limit=None))
        self.held = replace(rounds.sampling, data=held, limit=None, progress=False)
        self.samples = sum(batch.size for batch in held)

    @property
    def measure(self) -> str:
        """What `value` measures."""
        return "loss" if self.labels else "difference of the outputs"

    def value(self, opened: Opened) -> float:
        """The mean loss of a held-out sample, or the squared difference of the outputs over their variance."""
        found = Weighing(opened.runs.copy(), self.held).loss() if self.labels else self._difference(opened)
        return found if np.isfinite(found) else np.inf

    def _difference(self, opened: Opened) -> float:
        lost = total = 0.0
        for expected, found in zip(self._outputs(self.rounds.opened), self._outputs(opened), strict=True):
            lost += float(np.square(expected - found).sum(dtype=float))
            total += float(np.square(expected - expected.mean(axis=0)).sum(dtype=float))
        return lost / total if total else lost

    def _outputs(self, opened: Opened) -> Iterator[np.ndarray]:
        model = functional(opened.runs.flat)
        for batch in self.held.batches():
            found = model.predict_on_batch(as_inputs(model, align_inputs(batch.x, model.inputs)))
            yield from map(np.asarray, keras.tree.flatten(found))


def has_labels(rounds: Rounds, found: list[Batch]) -> bool:
    """Whether there are labels, and a loss that takes those of the first batch."""
    if found[0].y is None:
        return False
    try:
        Weighing(rounds.opened.runs.copy(), replace(rounds.sampling, data=found[:1], limit=None)).loss()
    except DataError:
        return False
    return True


def num_outputs(rounds: Rounds) -> float:
    """How many numbers the model puts out for a sample; infinity where that is open."""
    shapes = [tuple(tensor.shape[1:]) for tensor in functional(rounds.opened.runs.flat).outputs]
    return sum(np.inf if None in shape else float(np.prod(shape)) for shape in shapes)


def some(sampling: Sampling, most: int) -> list[Batch]:
    """At most so many samples: of arrays drawn from the whole, which may be sorted; of a stream the first."""
    parts: list[Batch] = []
    size = 0
    for batch in replace(sampling, batch_size=sys.maxsize).batches():
        parts.append(batch)
        size += batch.size
        if size >= most:
            break
    chosen = np.zeros(size, bool)
    chosen[np.random.default_rng(sampling.seed).permutation(size)[:most]] = True
    found = []
    for part in parts:
        rows, chosen = np.flatnonzero(chosen[: part.size]), chosen[part.size :]
        found += [_rows(part, rows[at : at + sampling.batch_size]) for at in range(0, len(rows), sampling.batch_size)]
    return found


def _parts(found: list[Batch]) -> tuple[list[Batch], list[Batch]]:
    """The samples in two parts, of which the second holds every fourth one."""
    seen, held = [], []
    start = 0
    for batch in found:
        out = (np.arange(start, start + batch.size) % HELD_OUT) == HELD_OUT - 1
        start += batch.size
        seen += [_rows(batch, np.flatnonzero(~out))] if not out.all() else []
        held += [_rows(batch, np.flatnonzero(out))] if out.any() else []
    return seen, held


def _rows(batch: Batch, rows: np.ndarray) -> Batch:
    def take(leaf: Any) -> Any:
        return None if leaf is None else leaf[rows]

    return Batch(*(keras.tree.map_structure(take, part) for part in batch))
