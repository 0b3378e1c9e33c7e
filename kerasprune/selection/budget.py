"""How small a model shall become."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.core import MEASURES, BudgetError, ChannelGraph
from kerasprune.selection.milliseconds import milliseconds

LATENCY = "latency"  # is no measure: it cannot be counted, only timed
_OTHER_WORDS = {"macs": "flops", "parameters": "params", "weights": "params", "filters": "channels"}


@dataclass(frozen=True, init=False, repr=False)
class Budget:
    """Upper limits of the slimmed model; all that are given hold together.

    A number in (0, 1] is the fraction of the original that is **kept**; a number above 1 is absolute.

    Args:
        **limits: By the name of a measure: `params`, the weights of the model, all of them counted; `flops`,
            multiply-accumulates of one sample; `channels`, channel ids, those that cannot be removed included; and any
            other that is registered. None is no limit. Beside these `latency`, the time that the exported file takes,
            which `compress` measures: the fraction kept, milliseconds above 1, or a time with its unit, "0.2 ms".

    Raises:
        BudgetError: No limit is given, there is no measure of that name, or one is not a positive number.

    Example:

    >>> Budget(flops=0.5)
    Budget(flops=0.5)
    >>> str(Budget(params=100_000, flops=0.5))
    'params <= 100,000, flops <= 50 %'
    >>> str(Budget(latency="0.2 ms"))
    'latency <= 0.2 ms'
    """

    _limits: tuple[tuple[str, float | str], ...]

    def __init__(self, *unnamed: object, **limits: float | str | None):
        if unnamed:
            raise BudgetError(
                f"A budget names what it limits: write Budget(flops=0.5) to keep half of the multiply-accumulates, or "
                f"another measure of {', '.join(_names())}. Received: Budget({', '.join(map(repr, unnamed))})."
            )
        given = tuple((name, value) for name, value in limits.items() if value is not None)
        object.__setattr__(self, "_limits", given)
        if not given:
            names = ", ".join(f"{name}=" for name in _names())
            raise BudgetError(f"A budget needs at least one limit of {names}. To keep half of the MACs use flops=0.5.")
        for name, value in given:
            if name not in _names():
                write = f"Write {_OTHER_WORDS[name]}={value!r}. " if name in _OTHER_WORDS else ""
                raise BudgetError(
                    f"A budget has no limit {name!r}; there are {', '.join(_names())}. {write}"
                    f"Received: {name}={value!r}."
                )
            if name == LATENCY and isinstance(value, str):
                milliseconds(value)
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < value < math.inf:
                raise BudgetError(
                    f"`{name}` must be in (0, 1] (the fraction kept) or above 1 (absolute). "
                    f"Received: {name}={value!r}. To keep 50 % use {name}=0.5."
                )

    @property
    def given(self) -> dict[str, Any]:
        """The limits as they were given, by name."""
        return dict(self._limits)

    @property
    def counted(self) -> dict[str, float]:
        """The limits of what the graph of a model tells, by name: all but the latency."""
        return {name: value for name, value in self._limits if not isinstance(value, str) and name != LATENCY}

    @property
    def latency(self) -> float | str | None:
        """The limit of the latency as it was given; None where there is none."""
        return self.given.get(LATENCY)

    def with_latency(self, whole: float) -> "Budget":
        """The same with the latency as a fraction.

        Args:
            whole: The milliseconds of the whole model.
        """
        if self.latency is None:
            return self
        time = milliseconds(self.latency) if isinstance(self.latency, str) else self.latency
        fraction = min(1.0, time / whole) if isinstance(self.latency, str) or time > 1 else time
        return Budget(**{**self.given, LATENCY: fraction})

    def limits(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as absolute numbers for the model of this graph, by name.

        Raises:
            BudgetError: The latency is limited, which no graph tells.
        """
        if self.latency is not None:
            raise BudgetError(
                f"A latency is measured on exported files, which takes `compress` with a strategy in rounds, such as "
                f"'one_shot' or 'iterative'. Received: {self!r}. Elsewhere limit what can be counted: "
                f"{', '.join(MEASURES)}."
            )
        return self.counted_limits(graph)

    def counted_limits(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as absolute numbers, without that of the latency."""
        return {
            name: value * MEASURES[name].value(graph) if value <= 1 else float(value)
            for name, value in self.counted.items()
        }

    def fractions(self, graph: ChannelGraph) -> dict[str, Any]:
        """The limits as fractions kept of the model of this graph, by name; at most 1. That of a latency stays."""
        found: dict[str, Any] = {name: self.share(name, graph, graph.keep_all())[1] for name in self.counted}
        return found if self.latency is None else {**found, LATENCY: self.latency}

    def share(self, name: str, graph: ChannelGraph, keep: np.ndarray) -> tuple[float, float]:
        """What a `keep` leaves of a measure that is limited, and what may be left of it, as fractions of the model."""
        whole, limit = MEASURES[name].value(graph), self.counted_limits(graph)[name]
        return MEASURES[name].value(graph, keep) / (whole or 1), min(1.0, limit / (whole or limit or 1))

    def __repr__(self) -> str:
        return f"Budget({', '.join(f'{name}={value!r}' for name, value in self._limits)})"

    def __str__(self) -> str:
        return ", ".join(f"{name} <= {_words(name, value)}" for name, value in self.given.items())


def _words(name: str, value: float | str) -> str:
    return f"{value:g} ms" if name == LATENCY and not isinstance(value, str) and value > 1 else amount(value)


def _names() -> list[str]:
    """All that can be limited."""
    return [*MEASURES, LATENCY]


def require_budget(budget: object) -> Budget:
    """The budget itself, where nothing else stands in its place.

    Raises:
        BudgetError: It does; the sentence says what to write.
    """
    if isinstance(budget, Budget):
        return budget
    write = "Budget(flops=0.5) to keep half of the multiply-accumulates"
    if isinstance(budget, numbers.Real) and not isinstance(budget, bool):
        write = f"Budget(flops={budget!r}), or name another measure of {', '.join(_names())}"
    elif isinstance(budget, Mapping):
        write = f"Budget({', '.join(f'{name}={value!r}' for name, value in budget.items())})"
    raise BudgetError(f"A budget must be a `Budget`. Received: {budget!r}. Write {write}.")


def costs(graph: ChannelGraph, budget: Budget) -> np.ndarray:
    """What the removal of each channel alone saves of all that the budget limits, as a fraction of the whole model.

    Returns:
        float (num_ids,); the fractions of several limits are added.
    """
    everything = np.ones(graph.num_ids)
    saved = (MEASURES[name].gradient(graph, everything) / (MEASURES[name].value(graph) or 1) for name in budget.counted)
    return sum(saved, np.zeros(graph.num_ids))


def fits(graph: ChannelGraph, keep: np.ndarray, limits: dict[str, float]) -> bool:
    """Whether the model slimmed by `keep` is within every limit, up to the rounding of a fraction."""
    return all(MEASURES[name].value(graph, keep) <= limit * (1 + 1e-9) for name, limit in limits.items())


def amount(value: float | str) -> str:
    """A limit in words: "50 %", "100,000" or "0.2 ms"."""
    if isinstance(value, str):
        return value
    return f"{100 * value:g} %" if value <= 1 else f"{value:,.0f}"
