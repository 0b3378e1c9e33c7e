"""Weights of the model, all of them counted."""

from kerasprune.core.cost import Term
from kerasprune.core.graph import ChannelGraph
from kerasprune.core.measure import measure


@measure("params", unit="parameters")
def params(graph: ChannelGraph) -> tuple[Term, ...]:
    """A term for every weight."""
    return graph.params_terms
