"""Widths that kernels like: what `round_to="auto"` rounds the width of each group to."""

import math

import numpy as np

from kerasprune.core import ChannelGraph, ChannelGroup

AUTO = "auto"
WIDE, NARROW = 8, 4  # channels that common kernels of phones and microcontrollers compute side by side
_WIDE_FROM, _NARROW_FROM = 32, 8  # channels: below the first, eight at a time would be too coarse a step


def tile(graph: ChannelGraph, group: ChannelGroup) -> int:
    """So many ids of a group a kernel computes in the time of one.

    Args:
        graph: The graph of the model.
        group: One of its groups.

    Returns:
        A number of ids: 8 channels, 4 in groups of fewer than 32; 1 in groups of fewer than 8, and where ids are no
        channels of a kernel but heads of an attention, or groups of a normalization.
    """
    entries = _entries(graph, group.ids)
    channels = entries * group.width
    if not entries or channels < _NARROW_FROM:
        return 1
    wanted = WIDE if channels >= _WIDE_FROM else NARROW
    return wanted // math.gcd(wanted, entries)


def _entries(graph: ChannelGraph, ids: np.ndarray) -> int:
    """How many neighbouring channels an id stands for; 0 where the last axis of no weight carries these ids.

    The channels that a kernel computes side by side lie on the last axis of its weight, or of its bias.
    """
    found = [
        int(np.isin(labels, ids).sum()) // len(ids)
        for weight in graph.weights
        if weight.axes and (labels := weight.axes[-1]) is not None and np.isin(ids, labels).all()
    ]
    return min(found, default=0)
