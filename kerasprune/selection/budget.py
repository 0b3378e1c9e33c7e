"""How small a model shall become."""

import math
import numbers
from dataclasses import dataclass, fields

import numpy as np

from kerasprune.core import BudgetError, ChannelGraph

# What is limited, measured on a graph and a keep.
MEASURES = {
    "params": ChannelGraph.params,
    "flops": ChannelGraph.macs,
    "channels": ChannelGraph.channels,
}


# The derivative of the same with respect to the keep of every id.
SAVINGS = {
    "params": lambda graph, keep: graph.cost_table.params_gradient(keep, graph.num_ids),
    "flops": lambda graph, keep: graph.cost_table.macs_gradient(keep, graph.num_ids),
    "channels": lambda graph, keep: np.ones(graph.num_ids),
}


@dataclass(frozen=True)
class Budget:
    """Upper limits of the slimmed model; all that are given hold together.

    A number in (0, 1] is the fraction of the original that is **kept**; a number above 1 is absolute.

    Args:
        params: Weights of the model, all of them counted.
        flops: Multiply-accumulates of one sample.
        channels: Channel ids, those that cannot be removed included.

    Raises:
        BudgetError: No limit is given, or one is not a positive number.

    Example:

    >>> Budget(flops=0.5)
    Budget(params=None, flops=0.5, channels=None)
    >>> str(Budget(params=100_000, flops=0.5))
    'params <= 100,000, flops <= 50 %'
    """

    params: float | None = None
    flops: float | None = None
    channels: float | None = None

    def __post_init__(self):
        if not self.given:
            names = ", ".join(f"{name}=" for name in MEASURES)
            raise BudgetError(f"A budget needs at least one limit of {names}. To keep half of the MACs use flops=0.5.")
        for name, value in self.given.items():
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise BudgetError(
                    f"`{name}` must be in (0, 1] (the fraction kept) or above 1 (absolute). "
                    f"Received: {name}={value!r}. To keep 50 % use {name}=0.5."
                )

    @property
    def given(self) -> dict[str, float]:
        """The limits as they were given, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def limits(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as absolute numbers for the model of this graph, by name."""
        return {
            name: value * MEASURES[name](graph) if value <= 1 else float(value) for name, value in self.given.items()
        }

    def fractions(self, graph: ChannelGraph) -> dict[str, float]:
        """The limits as fractions kept of the model of this graph, by name; at most 1."""
        return {
            name: min(1.0, limit / (MEASURES[name](graph) or limit or 1)) for name, limit in self.limits(graph).items()
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} <= {amount(value)}" for name, value in self.given.items())


def costs(graph: ChannelGraph, budget: Budget) -> np.ndarray:
    """What the removal of each channel alone saves of all that the budget limits, as a fraction of the whole model.

    Returns:
        float (num_ids,); the fractions of several limits are added.
    """
    everything = np.ones(graph.num_ids)
    return sum(SAVINGS[name](graph, everything) / (MEASURES[name](graph) or 1) for name in budget.given)


def fits(graph: ChannelGraph, keep: np.ndarray, limits: dict[str, float]) -> bool:
    """Whether the model slimmed by `keep` is within every limit, up to the rounding of a fraction."""
    return all(MEASURES[name](graph, keep) <= limit * (1 + 1e-9) for name, limit in limits.items())


def amount(value: float) -> str:
    """A limit in words: "50 %" or "100,000"."""
    return f"{100 * value:g} %" if value <= 1 else f"{value:,.0f}"
