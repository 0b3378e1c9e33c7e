"""Strategies of a few long steps, of which a file keeps how many are done."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasprune.core import OptionError
from kerasprune.gates.penalized_channels import penalized
from kerasprune.graph import compile_like, plainly
from kerasprune.selection import Budget
from kerasprune.strategies.channel_units import ChannelUnits
from kerasprune.strategies.journal import Journal, identity
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.seeds import fix_seeds

Phase = Callable[[State], State]


@dataclass(frozen=True, eq=False)
class Pressed:
    """The record of a strategy that presses channels to zero before it cuts.

    Attributes:
        goal: bool (num_ids,), what was to stay of the original model; None until that was chosen.
    """

    goal: np.ndarray | None = None


class Phases:
    """One run of a strategy in phases.

    Args:
        rounds: The rounds of the compression.
        budget: What shall be left in the end.
        options: What another run would have different, in words and numbers.
        path: The file; None keeps nothing.

    Raises:
        OptionError: There is nothing to train with.
        BudgetError: The budget cannot be reached.
    """

    def __init__(self, rounds: Rounds, budget: Budget, options: Mapping[str, Any], path: str | os.PathLike | None):
        if rounds.trainer is None:
            raise OptionError(
                "This strategy works by training. Pass `train`, a function that compiles and fits the model that it "
                "gets, or choose a strategy that only cuts."
            )
        self.rounds, self.budget = rounds, budget
        self.units = ChannelUnits(rounds, budget, 1)
        self.journal = Journal(path, {**options, "budget": str(budget), **identity(rounds)})

    def run(self, phases: Sequence[Phase]) -> State:
        """What the phases make of the original model, one after the other; those that are done are not done again."""
        done, state = self._begin()
        for number, phase in enumerate(phases[done:], done + 1):
            fix_seeds(self.rounds.sampling.seed, number)
            state = phase(state)
            content, arrays = self.units.packed(state)
            goal = {} if state.record.goal is None else {"goal": state.record.goal}
            self.journal.write({**content, "phases": number}, {**arrays, **goal})
        return state

    def press(self, state: State, free: np.ndarray, kind: str, factor: float) -> State:
        """Let the user train the model while some of its channels are penalized.

        Args:
            state: Where the last phase ended.
            free: bool (num_ids,), the channels of the original model that are not penalized.
            kind: The penalty.
            factor: Of the penalty.
        """
        groups = [group.ids[~free[state.origin[group.ids]]] for group in state.graph.free_groups]
        groups = [ids for ids in groups if len(ids)]
        if not groups:
            return state
        model = penalized(state.opened, groups, kind, factor, seed=self.rounds.sampling.seed)
        trained = self.rounds.trained(model, self.units.kept(state))
        plain = plainly(trained).model
        compile_like(plain, trained)
        return replace(state, opened=state.opened.changed(state.opened.back(plain)))

    def _begin(self) -> tuple[int, State]:
        read = self.journal.read()
        if read is None:
            return 0, replace(self.units.start(), record=Pressed())
        content, arrays = read
        return content["phases"], replace(self.units.unpacked(content, arrays), record=Pressed(arrays.get("goal")))
