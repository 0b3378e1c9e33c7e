"""What a budget can limit, by name: each a sum of products of channel counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kerasprune.core.cost import Term
from kerasprune.core.registry import Registry

if TYPE_CHECKING:
    from kerasprune.core.graph import ChannelGraph

MEASURES = Registry("measure")


@dataclass(frozen=True)
class Measure:
    """One quantity of a model that shrinks with its channels.

    Attributes:
        name: The keyword of `Budget`, and the option of the command line.
        unit: What is counted, in the plural, for reports.
        terms: From a graph to the sum that it is, from which value, gradient and the costs of gates follow.
    """

    name: str
    unit: str
    terms: Callable[["ChannelGraph"], tuple[Term, ...]]

    def value(self, graph: "ChannelGraph", keep: np.ndarray | None = None) -> float:
        """The quantity of the model slimmed by `keep`, which may hold keep probabilities; None keeps all."""
        return float(graph.cost_table.values(self.name, graph.keep_all() if keep is None else keep).sum())

    def gradient(self, graph: "ChannelGraph", keep: np.ndarray) -> np.ndarray:
        """Its derivative with respect to each entry of `keep`: float (num_ids,)."""
        return graph.cost_table.gradient(self.name, keep, graph.num_ids)

    def amount(self, value: float) -> str:
        """A quantity in words."""
        return f"{value:,.0f} {self.unit}"


def measure(name: str, unit: str) -> Callable:
    """A decorator that makes a `Measure` of a function from a graph to terms; it must stand in a file `name`.py."""

    def decorate(terms: Callable[["ChannelGraph"], tuple[Term, ...]]):
        MEASURES.register(name)(Measure(name, unit, terms))
        return terms

    return decorate
