"""Multiply-accumulates of one sample."""

from kerasprune.core.cost import Term
from kerasprune.core.graph import ChannelGraph
from kerasprune.core.measure import measure


@measure("flops", unit="MACs")
def flops(graph: ChannelGraph) -> tuple[Term, ...]:
    """The terms that the rules of the layers have given."""
    return graph.macs_terms
