"""Find a small network that trains as well as the whole one, from the weights that it had in the beginning."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from kerasprune.core import OptionError
from kerasprune.evidence.quality import Quality
from kerasprune.graph import Opened
from kerasprune.selection import Budget
from kerasprune.strategies.journal import Journal, identity
from kerasprune.strategies.removable_units import UNITS, named_arrays, weights_named, weights_of
from kerasprune.strategies.rewinding import CONTROLS, REWINDINGS
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.seeds import fix_seeds
from kerasprune.strategies.strategy import strategy
from kerasprune.strategies.tickets import Tickets


@strategy("lottery_ticket")
@dataclass(frozen=True)
class LotteryTicket:
    """Train, cut the least, go back to the weights of the beginning, and so on; then train what is left.

    The model that is given is the one to be trained, with its first weights: pass `train`. Before every training the
    seeds of Python, numpy and the backend are set, so that a run which goes on from `path` ends like one that was not
    interrupted, as long as what `train` does follows from the model and from these seeds.

    Args:
        of: What goes: "channels", or "weights", single ones: `train` then gets a model whose zeros stay zero, and the
            result is the plain one without the neurons that have died. A budget of weights is one of `params`.
        steps: Number of rounds; None for as many as it takes if each removes a fifth of what is left.
        rewind: "weights" go back to what they were at `step`; with "learning_rate" they stay, and training begins anew.
        step: The step of training that tickets go back to. If it is not 0, `train` is called once with `stop=step`,
            and from then on with `start=step`: it begins there in the schedule of its learning rate.
        output_rate: With single weights and `ranking="per_layer"`, the last layers lose this share of what others do.
        control: In place of the last ticket, train "random_init", its places with other first values, or "random_mask",
            its values in other places; see `Tickets.model` for those of all rounds.
        validation: Data on which loss and accuracy are measured after every training; None for no such measurement.
        path: An `.npz` file in which the run is kept after every training. If it exists, the run goes on from there.

    Raises:
        OptionError: An option is out of range, or there is no such thing.

    Reference:
        Frankle and Carbin, The Lottery Ticket Hypothesis, ICLR 2019: `f(x; m * theta_0)`, with `p ** (1 / n)` of the
        weights left by each of `n` rounds.

    Example:

    >>> lottery = LotteryTicket(steps=2, validation=(x, y))
    >>> tickets = compress(model, Budget(channels=0.7), "magnitude", lottery, data=(x, y), train=fit).record
    >>> len(tickets.keeps), len(tickets.measured)
    (3, 3)
    """

    of: str = "channels"
    steps: int | None = None
    rewind: str = "weights"
    step: int = 0
    output_rate: float = 0.5
    control: str | None = None
    validation: Any = None
    path: str | os.PathLike | None = None

    defaults: ClassVar[Mapping[str, Any]] = {"criterion": "magnitude", "recover": (), "round_to": 1}

    def __post_init__(self):
        UNITS[self.of], REWINDINGS[self.rewind], CONTROLS[self.control or next(iter(CONTROLS))]
        if self.steps is not None and (not isinstance(self.steps, int) or self.steps < 1):
            raise OptionError(f"`steps` must be a whole number of at least 1, or None. Received: steps={self.steps!r}.")
        if not isinstance(self.step, int) or self.step < 0:
            raise OptionError(f"`step` must be a whole number of at least 0. Received: step={self.step!r}.")
        if not 0 < self.output_rate <= 1:
            raise OptionError(f"`output_rate` must be in (0, 1]. Received: output_rate={self.output_rate!r}.")

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in ("of", "steps", "rewind", "step", "output_rate", "control")}
        return f"LotteryTicket({', '.join(f'{key}={value!r}' for key, value in given.items())})"

    def __call__(self, rounds: Rounds, budget: Budget) -> State:
        search = _Search(self, rounds, budget)
        found = search.begin()
        while not found.is_over:
            found = search.go_on(found)
            search.journal.write(*search.packed(found))
        tickets = Tickets(search.units, found.early or search.units.base, found.keeps, found.measured)
        return replace(search.units.finish(found.state), record=tickets)


@dataclass(frozen=True, eq=False)
class _Found:
    """How far a search has come.

    Attributes:
        state: What is trained next; in the end what was trained last.
        keeps: As in `Tickets`.
        early: As there; None while that is not known.
        measured: As there.
        is_over: Whether the last ticket is trained.
    """

    state: State
    keeps: tuple[np.ndarray, ...]
    early: Opened | None
    measured: tuple[tuple[float | None, float | None], ...] = ()
    is_over: bool = False


class _Search:
    """One run of `LotteryTicket`."""

    def __init__(self, options: LotteryTicket, rounds: Rounds, budget: Budget):
        self.options, self.rounds = options, rounds
        self.units = UNITS[options.of](rounds, budget, options.steps, options.output_rate)
        run = {name: getattr(options, name) for name in ("of", "rewind", "step", "output_rate", "control")}
        run |= {"steps": self.units.steps, "budget": str(budget)}
        self.journal = Journal(options.path, {**run, **identity(rounds)})

    def begin(self) -> _Found:
        """The whole model, or where an interrupted run has come to."""
        read = self.journal.read()
        early = None if self.options.step else self.units.base
        if read is None:
            start = self.units.start()
            return _Found(start, (self.units.kept(start),), early)
        content, arrays = read
        if self.options.step:
            early = self.units.source(weights_named("early", arrays))
        measured = tuple((loss, accuracy) for loss, accuracy in content["measured"])
        return _Found(self.units.unpacked(content, arrays), tuple(arrays["keeps"]), early, measured, content["is_over"])

    def go_on(self, found: _Found) -> _Found:
        """One training, and what follows from it."""
        if found.early is None:
            return self._train_early(found)
        number = len(found.keeps)
        if number > self.units.steps:
            return self._train_last(found)
        state = self._train(found.state, number)
        measured = (*found.measured, self._measure(state))
        cut = self.units.cut(state, self.units.select(state, number))
        ticket = REWINDINGS[self.options.rewind](self.units, cut, found.early)
        return replace(found, state=ticket, keeps=(*found.keeps, self.units.kept(ticket)), measured=measured)

    def packed(self, found: _Found) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the journal holds."""
        content, arrays = self.units.packed(found.state)
        early = named_arrays("early", weights_of(found.early.flat)) if self.options.step and found.early else {}
        content |= {"measured": found.measured, "is_over": found.is_over}
        return content, {**arrays, "keeps": np.stack(found.keeps), **early}

    def _train_early(self, found: _Found) -> _Found:
        fix_seeds(self.rounds.sampling.seed, 0)
        state = self.units.train(found.state, stop=self.options.step)
        return replace(found, state=state, early=self.units.source(weights_of(state.opened.flat)))

    def _train_last(self, found: _Found) -> _Found:
        state = found.state
        if self.options.control is not None:
            rng = np.random.default_rng(self.rounds.sampling.seed)
            state = CONTROLS[self.options.control](self.units, state, found.early, rng)
        state = self._train(state, len(found.keeps))
        return replace(found, state=state, measured=(*found.measured, self._measure(state)), is_over=True)

    def _train(self, state: State, number: int) -> State:
        fix_seeds(self.rounds.sampling.seed, number)
        return self.units.train(state, **({"start": self.options.step} if self.options.step else {}))

    def _measure(self, state: State) -> tuple[float | None, float | None]:
        if self.options.validation is None:
            return None, None
        model = state.opened.runs.flat
        found = Quality(model, replace(self.rounds.sampling, data=self.options.validation, limit=None))(model)
        return found["loss"], found.get("accuracy")
