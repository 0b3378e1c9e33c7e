"""Small channel graphs written by hand, for what needs a graph and no model."""

import numpy as np

from kerasprune.core import CallLabels, ChannelGraph, ChannelGroup, Term, WeightLabels


def dense_chain(*widths: int, inputs: int = 4, frozen: str = "`{}` is an output of the model") -> ChannelGraph:
    """The graph of Dense layers `dense0`, `dense1`, ... one after the other; the last one is frozen."""
    vectors = np.split(np.arange(1, 1 + sum(widths)), np.cumsum(widths)[:-1])
    groups, weights, calls, params, macs = [], [], [], [], []
    before, size = None, inputs
    for number, ids in enumerate(vectors):
        name = f"dense{number}"
        last = number == len(vectors) - 1
        groups.append(ChannelGroup(name, ids, frozen.format(name) if last else None, (name,)))
        reads = () if before is None else (0,)
        weights.append(WeightLabels(name, 0, (size, len(ids)), (before, ids), reads))
        weights.append(WeightLabels(name, 1, (len(ids),), (ids,)))
        call_reads = () if before is None else (1,)
        calls.append(CallLabels(f"{name}#0", name, ((None, before),), ((None, ids),), (call_reads,)))
        kernel = Term(name, inputs, (ids,)) if before is None else Term(name, 1, (before, ids))
        params += [kernel, Term(name, 1, (ids,))]
        macs.append(kernel)
        before, size = ids, len(ids)
    return ChannelGraph(
        num_ids=1 + sum(widths),
        groups=tuple(groups),
        weights=tuple(weights),
        calls=tuple(calls),
        edits={},
        declined={},
        input_shapes=((1, inputs),),
        params_terms=tuple(params),
        macs_terms=tuple(macs),
    )
