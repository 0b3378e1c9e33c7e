"""How small a model shall become."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasprune.core import MEASURES, BudgetError, ChannelGraph

_OTHER_WORDS = {"macs": "flops", "parameters": "params", "weights": "params", "filters": "channels"}


@dataclass(frozen=True, init=False, repr=False)
class Budget:
    """Upper limits of the slimmed model; all that are given hold together.

    A number in (0, 1] is the fraction of the original that is **kept**; a number above 1 is absolute.

    Args:
        **limits: By the name of a measure: `params`, the weights of the model, all of them counted; `flops`,
            multiply-accumulates of one sample; `channels`, channel ids, those that cannot be removed included; and any
            other that is registered. None is no limit.

    Raises:
        BudgetError: No limit is given, there is no measure of that name, or one is not a positive number.

    Example:

    >>> Budget(flops=0.5)
    Budget(flops=0.5)
    >>> str(Budget(params=100_000, flops=0.5))
    'params <= 100,000, flops <= 50 %'
    """

    _limits: tuple[tuple[str, float], ...]

    def __init__(self, *unnamed: object, **limits: float | None):
        if unnamed:
            raise BudgetError(
                f"A budget names what it limits: write Budget(flops=0.5) to keep half of the multiply-accumulates, or "
                f"another measure of {', '.join(MEASURES)}. Received: Budget({', '.join(map(repr, unnamed))})."
            )
        given = tuple((name, value) for name, value in limits.items() if value is not None)
        object.__setattr__(self, "_limits", given)
        if not given:
            names = ", ".join(f"{name}=" for name in MEASURES)
            raise BudgetError(f"A budget needs at least one limit of {names}. To keep half of the MACs use flops=0.5.")
        for name, value in given:
            if name not in MEASURES:
                write = f"Write {_OTHER_WORDS[name]}={value!r}. " if name in _OTHER_WORDS else ""
                raise BudgetError(
                    f"A budget has no limit {name!r}; there are {', '.join(MEASURES)}. {write}"
                    f"Received: {name}={value!r}."
                )
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise BudgetError(
                    f"`{name}` must be in (0, 1] (the fraction kept) or above 1 (absolute). "
                    f"Received: {name}={value!r}. To keep 50 % use {name}=0.5."
                )

    @property
    def given(self) -> dict[str, float]:
        """The limits as they were given, by name."""
        return dict(self._limits)

    def limits(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as absolute numbers for the model of this graph, by name."""
        return {
            name: value * MEASURES[name].value(graph) if value <= 1 else float(value)
            for name, value in self.given.items()
        }

    def fractions(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as fractions kept of the model of this graph, by name; at most 1."""
        wholes = {name: MEASURES[name].value(graph) for name in self.given}
        return {name: min(1.0, limit / (wholes[name] or limit or 1)) for name, limit in self.limits(graph).items()}

    def __repr__(self) -> str:
        return f"Budget({', '.join(f'{name}={value!r}' for name, value in self._limits)})"

    def __str__(self) -> str:
        return ", ".join(f"{name} <= {amount(value)}" for name, value in self.given.items())


def require_budget(budget: object) -> Budget:
    """The budget itself, where nothing else stands in its place.

    Raises:
        BudgetError: It does; the sentence says what to write.
    """
    if isinstance(budget, Budget):
        return budget
    write = "Budget(flops=0.5) to keep half of the multiply-accumulates"
    if isinstance(budget, numbers.Real) and not isinstance(budget, bool):
        write = f"Budget(flops={budget!r}), or name another measure of {', '.join(MEASURES)}"
    elif isinstance(budget, Mapping):
        write = f"Budget({', '.join(f'{name}={value!r}' for name, value in budget.items())})"
    raise BudgetError(f"A budget must be a `Budget`. Received: {budget!r}. Write {write}.")


def costs(graph: ChannelGraph, budget: Budget) -> np.ndarray:
    """What the removal of each channel alone saves of all that the budget limits, as a fraction of the whole model.

    Returns:
        float (num_ids,); the fractions of several limits are added.
    """
    everything = np.ones(graph.num_ids)
    return sum(MEASURES[name].gradient(graph, everything) / (MEASURES[name].value(graph) or 1) for name in budget.given)


def fits(graph: ChannelGraph, keep: np.ndarray, limits: dict[str, float]) -> bool:
    """Whether the model slimmed by `keep` is within every limit, up to the rounding of a fraction."""
    return all(MEASURES[name].value(graph, keep) <= limit * (1 + 1e-9) for name, limit in limits.items())


def amount(value: float) -> str:
    """A limit in words: "50 %" or "100,000"."""
    return f"{100 * value:g} %" if value <= 1 else f"{value:,.0f}"
