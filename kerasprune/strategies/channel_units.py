"""Rounds that take out channels."""

from dataclasses import replace

import keras
import numpy as np

from kerasprune.graph import Opened
from kerasprune.selection import Budget
from kerasprune.strategies.removable_units import UNITS, RemovableUnits
from kerasprune.strategies.rounds import Rounds, State


@UNITS.register("channels")
class ChannelUnits(RemovableUnits):
    """Whole channels: what is left is a smaller model."""

    def __init__(self, rounds: Rounds, budget: Budget, steps: int | None = None, output_rate: float = 1.0):
        self.base = rounds.opened
        super().__init__(rounds, budget, steps, output_rate)

    def share_left(self) -> float:
        return min(self.budget.fractions(self.rounds.graph).values())

    def start(self) -> State:
        state = self.rounds.start()
        self.rounds.select(self.rounds.scores(state), self.budget)  # one that cannot be reached shall fail at once
        return state

    def kept(self, state: State) -> np.ndarray:
        keep = np.zeros(self.rounds.graph.num_ids, bool)
        keep[state.origin] = True
        return keep

    def select(self, state: State, step: int) -> np.ndarray:
        return self.rounds.select(self.rounds.scores(state), self._budget(step))

    def cut(self, state: State, keep: np.ndarray) -> State:
        target = self.rounds.target(self._budget(len(state.steps) + 1))
        return self.rounds.repair(self.rounds.check(state, self.rounds.cut(state, keep, target)))

    def at(self, state: State, keep: np.ndarray, source: Opened) -> State:
        return replace(state, opened=source.cut(keep), origin=np.flatnonzero(keep))

    def model(self, state: State) -> keras.Model:
        return state.opened.copy()

    def train(self, state: State, **span: int) -> State:
        return self.rounds.train(replace(state, opened=state.opened.changed(self.model(state))), **span)

    def groups(self) -> list[np.ndarray]:
        return [group.ids for group in self.rounds.graph.free_groups]

    def _budget(self, step: int) -> Budget:
        """What is left after a round: every round takes the same share."""
        fractions = self.budget.fractions(self.rounds.graph)
        return Budget(**{name: value ** (step / self.steps) for name, value in fractions.items()})
