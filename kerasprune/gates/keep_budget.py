"""A budget over the gates of a model, for as long as `fit` lasts."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasprune.core import GraphError
from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.placed_gates import find_placed, placed_gates
from kerasprune.scheduled import ScheduleProgress, read
from kerasprune.selection import Budget, require_budget


class KeepBudget(ScheduleProgress):
    """Makes the gates that stand in a model meet a budget, and tells all gates and sparse weights how long `fit` lasts.

    The model stays as it is: nothing is built in. The logs get `expected_flops` and `hard_flops` (or `params`,
    `channels`) for every limit of the budget, the expected cost under the keep probabilities and the cost of the
    slimmed model, as fractions of the limit; `kept_channels` in total; and `kept/GATE` for every gate.

    Args:
        budget: The limits of the slimmed model; None where gates have penalties of their own, and for sparse weights.
        start: The criterion that ranks the channels of each gate before training has a say, as in `score`; None leaves
            their order to training.
        data: For a criterion that needs data.

    Raises:
        BudgetError: What has no gate exceeds the budget, or this is no budget.
        GraphError: The model has no gates, or some that cannot share a budget.

    Example:

    >>> from kerasprune.layers import GumbelGate
    >>> dense = keras.layers.Dense
    >>> gated = keras.Sequential([keras.Input((4,)), dense(8, "relu"), GumbelGate(), dense(2)])
    >>> gated.compile("sgd", "mse")
    >>> budget = KeepBudget(Budget(params=0.6))
    >>> history = gated.fit(np.ones((8, 4)), np.ones((8, 2)), callbacks=[budget], verbose=0)
    """

    def __init__(self, budget: Budget | None = None, start: str | Callable | None = "magnitude", data: Any = None):
        super().__init__()
        self.budget = None if budget is None else require_budget(budget)
        self.start, self.data = start, data

    def on_train_begin(self, logs=None):
        if self.budget is not None:
            share_budget(self.model, self.budget, self.start, self.data)
            self.model.make_train_function(force=True)  # an earlier one knows nothing of the budget
        super().on_train_begin(logs)


def share_budget(model: keras.Model, budget: Budget, start, data=None, seed: int = 0) -> None:
    """Put the gates of a model under a budget, and rank those that know nothing yet by a criterion.

    Raises:
        BudgetError: What has no gate exceeds the budget.
        GraphError: The model has no gates, or some that cannot share a budget.
    """
    if not placed_gates(model):
        raise GraphError(
            f"{model.name!r} has no gates that could meet a budget. Place some, such as "
            "`kerasprune.layers.GumbelGate`, or build them in with `gate`."
        )
    placed = find_placed(model)
    limits = placed.limits(budget)
    for gate in placed.gates:
        gate.limits = limits
    placed.share(limits)
    if start is not None and all(_knows_nothing(gate) for gate in placed.gates):
        placed.rank(start, data, seed)
    elif not any(gate.settled for gate in placed.gates):
        placed.gates[0].budget.renew()


def _knows_nothing(gate: ChannelGate) -> bool:
    return float(read(gate.step)) == 0 and not np.any(read(gate.evidence))
