"""Channel ids, those that cannot be removed included."""

import numpy as np

from kerasprune.core.cost import Term
from kerasprune.core.graph import ChannelGraph
from kerasprune.core.measure import measure


@measure("channels", unit="channels")
def channels(graph: ChannelGraph) -> tuple[Term, ...]:
    """One term that counts every id but 0."""
    return (Term("", 1.0, (np.arange(1, graph.num_ids),)),)
