"""What `compress` decides by itself: criterion, ranking and strategy, tried on samples that are held out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kerasprune.core import DataError, Registry
from kerasprune.criteria.score import resolve
from kerasprune.selection import Budget
from kerasprune.strategies.comparison import HELD_OUT, Comparison, has_labels, num_outputs, some
from kerasprune.strategies.judgement import Judgement
from kerasprune.strategies.rounds import Rounds
from kerasprune.strategies.strategy import STRATEGIES

AUTO = "auto"
MOST = 2048  # samples on which ways are tried
FEW_OUTPUTS = 20  # numbers that a model may put out for a criterion that derives each of them

# From whether there are labels to the ways that are worth trying, the safest first.
EFFORTS = Registry("effort")


@dataclass(frozen=True)
class Way:
    """How channels are ranked and taken out.

    Attributes:
        criterion: As in `compress`.
        ranking: As in `select`.
        strategy: As in `compress`.
    """

    criterion: str | Callable
    ranking: str
    strategy: str | Callable

    def __str__(self) -> str:
        return f"{self.criterion} ({self.ranking}), {self.strategy}"

    def applied(self, rounds: Rounds) -> Rounds:
        """Rounds that go this way."""
        return replace(rounds, criterion=self.criterion, selection={**rounds.selection, "ranking": self.ranking})

    @property
    def run(self) -> Callable:
        """The strategy."""
        return STRATEGIES[self.strategy]() if isinstance(self.strategy, str) else self.strategy


@dataclass(frozen=True)
class Choice:
    """A way, and why it was taken.

    Attributes:
        way: The way.
        reason: The reason, one sentence.
        tried: What ways were tried to the mean loss of a held-out sample after each, or without labels to the squared
            difference of the outputs over their variance; lower is better. Empty where there was nothing to compare.
        failed: Ways that do not work on this model and data, to the reason.
    """

    way: Way
    reason: str
    tried: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        others = sorted(self.tried.items(), key=lambda item: item[1])
        figures = "; ".join(f"{name}: {value:.3g}" for name, value in others)
        return f"{self.way}: {self.reason}" + (f" ({figures})" if figures else "")


@EFFORTS.register("quick")
def quick(labels: bool) -> list[Way]:
    """What is best on average, without a trial."""
    return [Way("taylor", "per_cost", "one_shot")] if labels else [Way("magnitude", "global", "one_shot")]


@EFFORTS.register("normal")
def normal(labels: bool) -> list[Way]:
    """Criteria of different kinds, each in one round."""
    if not labels:
        return [Way("magnitude", "global", "one_shot"), Way("reconstruction", "global", "one_shot")]
    magnitude, taylor = Way("magnitude", "global", "one_shot"), Way("taylor", "per_cost", "one_shot")
    return [magnitude, taylor, Way("gauss_newton", "per_cost", "one_shot")]


@EFFORTS.register("thorough")
def thorough(labels: bool) -> list[Way]:
    """The same, each in one round and in several."""
    return [replace(way, strategy=strategy) for strategy in ("one_shot", "iterative") for way in normal(labels)]


def check_names(criterion: Any, strategy: Any, effort: str) -> None:
    """Fail before any work.

    Raises:
        OptionError: There is no criterion, strategy or effort of that name.
    """
    if criterion != AUTO:
        resolve(criterion)
    if strategy != AUTO and isinstance(strategy, str):
        STRATEGIES[strategy]
    EFFORTS[effort]


def defaults(strategy: str | Callable) -> Mapping[str, Any]:
    """What a strategy takes in place of "auto", by the name of the argument of `compress`: its attribute `defaults`."""
    kind = STRATEGIES[strategy] if isinstance(strategy, str) and strategy != AUTO else strategy
    return getattr(kind, "defaults", {})


def choose(rounds: Rounds, budget: Budget, strategy: str | Callable, effort: str) -> Choice:
    """Decide what is left open.

    Args:
        rounds: What is given; a criterion "auto" is open, and with it the ranking where none is given.
        budget: The limits of the smaller model.
        strategy: As in `compress`; "auto" is open.
        effort: One of `EFFORTS`.

    Raises:
        BudgetError: The budget cannot be reached.
        DataError: No way works on this data.
    """
    given = Way(rounds.criterion, rounds.selection.get("ranking", "global"), strategy)
    if AUTO not in (given.criterion, given.strategy):
        return Choice(given, "as asked for")
    quickly = None if rounds.latency is None else rounds.latency.by_table()
    silent = replace(rounds, trainer=None, verify=False, judge=Judgement(), latency=quickly)
    choice = _choice(silent, budget, given, effort)
    return choice if strategy == AUTO else replace(choice, way=replace(choice.way, strategy=strategy))


def _choice(rounds: Rounds, budget: Budget, given: Way, effort: str) -> Choice:
    if rounds.sampling.data is None:
        why = "there is no data, so only weights can be judged; with data=(x, y) channels are ranked by what they do,"
        return Choice(_open(rounds, given, quick(False))[0], f"{why} and what is lost is repaid")
    found = some(rounds.sampling, MOST)
    labels = given.criterion == AUTO and has_labels(rounds, found)
    ways = _open(rounds, given, EFFORTS[effort](labels))
    if num_outputs(rounds) > FEW_OUTPUTS:
        ways = [way for way in ways if way.criterion != "gauss_newton"]
    if len(ways) == 1:
        return Choice(ways[0], f"effort {effort!r} tries nothing")
    if sum(batch.size for batch in found) < HELD_OUT:
        return Choice(ways[0], f"nothing is tried on fewer than {HELD_OUT} samples")
    return _best(Comparison(rounds, budget, found, labels), ways)


def _best(comparison: Comparison, ways: list[Way]) -> Choice:
    """The way that ends best; of equal ones the first."""
    tried: dict[Way, float] = {}
    failed: dict[Way, DataError] = {}
    for way in ways:
        try:
            tried[way] = comparison.value(way.run(way.applied(comparison.rounds), comparison.budget).opened)
        except DataError as error:
            failed[way] = error
    if not tried:
        raise next(iter(failed.values()))
    return Choice(
        min(tried, key=tried.__getitem__),
        f"the lowest {comparison.measure} on {comparison.samples} samples that were held out",
        {str(way): value for way, value in tried.items()},
        {str(way): str(error) for way, error in failed.items()},
    )


def _open(rounds: Rounds, given: Way, candidates: list[Way]) -> list[Way]:
    """The candidates with what is given in them, each once; for a strategy that is given one round stands."""
    ways = []
    for way in candidates:
        if given.strategy != AUTO:
            way = replace(way, strategy="one_shot")
        if given.criterion != AUTO:
            way = replace(way, criterion=given.criterion, ranking=given.ranking)
        elif "ranking" in rounds.selection:
            way = replace(way, ranking=given.ranking)
        if way not in ways:
            ways.append(way)
    return ways
