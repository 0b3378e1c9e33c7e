"""Rank once, remove all at once."""

from dataclasses import dataclass

from kerasprune.selection import Budget
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.strategy import strategy


@strategy("one_shot")
@dataclass(frozen=True)
class OneShot:
    """One round straight to the budget."""

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        return rounds.shrink(rounds.start(), budget)
