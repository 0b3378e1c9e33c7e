"""Choose what goes, press it to zero by a penalty that grows, cut it, and train what is left."""

import os
from dataclasses import dataclass, field, replace

import numpy as np

from kerasprune.core import OptionError
from kerasprune.selection import Budget
from kerasprune.strategies.phases import Phases, Pressed
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.strategy import strategy


@strategy("growing_regularization")
@dataclass(frozen=True)
class GrowingRegularization:
    """Choose what goes, press it to zero by a penalty that grows while the model trains, cut it, and train the rest.

    When the cut comes there is little left to lose. `train` is called once to press and once after the cut, and once
    more before both where `explore` is above 0.

    Args:
        factor: To which the penalty, half of the square of all that belongs to a channel, grows in the first three
            quarters of a training.
        explore: To which it grows on all channels before any is chosen, so that they separate; 0 chooses at once.
        path: An `.npz` file in which the run is kept after every training. If it exists, the run goes on from there.

    Raises:
        OptionError: An option is out of range, or there is nothing to train with.

    Reference:
        Wang, Qin, Zhang and Fu, Neural Pruning via Growing Regularization, ICLR 2021: `explore=0` is GReg-1, with a
        penalty on all channels first it is GReg-2.

    Example:

    >>> growing = GrowingRegularization()
    >>> result = compress(model, Budget(flops=0.5), strategy=growing, train=fit)
    >>> trace(result.model).macs() <= 0.5 * trace(model).macs()
    True
    """

    factor: float = 1.0
    explore: float = 0.0
    path: str | os.PathLike | None = field(default=None, repr=False)

    def __post_init__(self):
        if not self.factor > 0 or not self.explore >= 0:
            raise OptionError(
                "`factor` must be above 0 and `explore` at least 0. "
                f"Received: factor={self.factor!r}, explore={self.explore!r}."
            )

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        options = {"strategy": "growing_regularization", "factor": self.factor, "explore": self.explore}
        phases = Phases(rounds, budget, options, self.path)

        def explore(state: State) -> State:
            return phases.press(state, np.zeros(rounds.graph.num_ids, bool), "growing", self.explore)

        def press(state: State) -> State:
            goal = rounds.select(rounds.scores(state), budget)
            return replace(phases.press(state, goal, "growing", self.factor), record=Pressed(goal))

        def cut(state: State) -> State:
            return rounds.remove(state, state.record.goal, budget.limits(rounds.graph))

        return phases.run([*([explore] if self.explore else []), press, cut])
