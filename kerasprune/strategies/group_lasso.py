"""Train with a penalty that brings whole channels to zero, cut those, and train what is left."""

import os
from dataclasses import dataclass, field

import numpy as np

from kerasprune.core import OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.gates.penalized_channels import PENALTIES
from kerasprune.selection import Budget
from kerasprune.strategies.phases import Phases
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.strategy import strategy


@strategy("group_lasso")
@dataclass(frozen=True)
class GroupLasso:
    """Train with a penalty on all that belongs to a channel, cut what it has made light, and train what is left.

    Every round trains twice: with the penalty on all channels that may go, and after the cut without it.

    Args:
        factor: Of the penalty in the loss: the higher, the more channels come to zero, and the less the loss counts.
        penalty: "lasso", the norm of a channel times the root of its size; "importance", half of its square, the more
            the lighter the channel is in its group.
        steps: Number of rounds.
        schedule: How the budget shrinks: "geometric", "linear" or "cubic".
        path: An `.npz` file in which the run is kept after every training. If it exists, the run goes on from there.

    Raises:
        OptionError: An option is out of range, or there is nothing to train with.

    Reference:
        See `kerasprune.gates.penalized_channels`, `lasso` and `importance`.

    Example:

    >>> lasso = GroupLasso(factor=1e-3)
    >>> result = compress(model, Budget(flops=0.5), strategy=lasso, train=fit)
    >>> trace(result.model).macs() <= 0.5 * trace(model).macs()
    True
    """

    factor: float = 1e-4
    penalty: str = "lasso"
    steps: int = 1
    schedule: str = "geometric"
    path: str | os.PathLike | None = field(default=None, repr=False)

    def __post_init__(self):
        PENALTIES[self.penalty], SCHEDULES[self.schedule]
        if not isinstance(self.steps, int) or self.steps < 1:
            raise OptionError(f"`steps` must be a whole number of at least 1. Received: steps={self.steps!r}.")
        if not self.factor > 0:
            raise OptionError(f"`factor` must be above 0. Received: factor={self.factor!r}.")

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        options = {name: getattr(self, name) for name in ("factor", "penalty", "steps", "schedule")}
        phases = Phases(rounds, budget, {"strategy": "group_lasso", **options}, self.path)
        final, shrink_by = budget.fractions(rounds.graph), SCHEDULES[self.schedule]
        nothing = np.zeros(rounds.graph.num_ids, bool)

        def press(state: State) -> State:
            return phases.press(state, nothing, self.penalty, self.factor)

        def cut(state: State) -> State:
            progress = (len(state.steps) + 1) / self.steps
            return rounds.shrink(state, Budget(**{name: shrink_by(value, progress) for name, value in final.items()}))

        return phases.run([press, cut] * self.steps)
