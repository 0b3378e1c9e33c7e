"""The tickets that a search has found, ready to be trained."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import OptionError
from kerasprune.graph import Opened
from kerasprune.strategies.removable_units import RemovableUnits
from kerasprune.strategies.rewinding import CONTROLS
from kerasprune.strategies.seeds import fix_seeds


@dataclass(frozen=True, eq=False)
class Tickets:
    """What every round of `LotteryTicket` left, as models with the weights of the beginning.

    Attributes:
        units: What was removed.
        early: The whole model with the weights that tickets go back to.
        keeps: What was left, bool (units,), at the start and after every round.
        measured: Mean loss and accuracy on the validation data after every training; None each where not measured.
    """

    units: RemovableUnits
    early: Opened
    keeps: tuple[np.ndarray, ...]
    measured: tuple[tuple[float | None, float | None], ...]

    @property
    def left(self) -> list[int]:
        """How many channels or single weights were left at the start and after every round."""
        return [int(np.count_nonzero(keep)) for keep in self.keeps]

    def model(self, number: int, control: str | None = None, seed: int = 0) -> keras.Model:
        """A ticket to be trained.

        Args:
            number: After how many rounds; 0 is the whole model.
            control: In place of the ticket: "random_init" has its places with other first values, "random_mask" its
                values in other places.
            seed: Of a control.

        Returns:
            A new model; zeros of single weights stay zero while it trains, and `strip` or `slim` take them out.

        Raises:
            OptionError: There is no such round or control.

        Example:

        >>> from kerasprune.strategies import LotteryTicket
        >>> tickets = compress(model, Budget(channels=0.7), strategy=LotteryTicket(steps=2)).record
        >>> tickets.model(1).count_params() > tickets.model(2).count_params()
        True
        """
        if not 0 <= number < len(self.keeps):
            raise OptionError(f"`number` must be a round from 0 to {len(self.keeps) - 1}. Received: number={number!r}.")
        state = self.units.at(self.units.start(), self.keeps[number], self.early)
        if control is not None:
            state = CONTROLS[control](self.units, state, self.early, np.random.default_rng(seed))
        fix_seeds(seed, number)
        return self.units.model(state)
