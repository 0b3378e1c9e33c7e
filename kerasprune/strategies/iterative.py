"""Rank again after every removal."""

from dataclasses import dataclass

from kerasprune.core import OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.selection import Budget
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.strategy import strategy


@strategy("iterative")
@dataclass(frozen=True)
class Iterative:
    """Several rounds towards the budget; each ranks what the last one left.

    Args:
        steps: Number of rounds.
        schedule: How the budget shrinks: "geometric", "linear" or "cubic".
    """

    steps: int = 5
    schedule: str = "geometric"

    def __post_init__(self):
        if not isinstance(self.steps, int) or self.steps < 1:
            raise OptionError(f"`steps` must be a whole number of at least 1. Received: steps={self.steps!r}.")
        SCHEDULES[self.schedule]

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        shrink_by = SCHEDULES[self.schedule]
        final = budget.fractions(rounds.graph)
        state = rounds.start()
        rounds.select(rounds.scores(state), Budget(**final))  # an unreachable budget shall fail before any training
        for step in range(1, self.steps + 1):
            state = rounds.shrink(
                state, Budget(**{name: shrink_by(value, step / self.steps) for name, value in final.items()})
            )
        return state
