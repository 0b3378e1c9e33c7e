"""What the loss does when a channel is turned down or up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasprune.evidence.probe import Probe


def gain_curve(
    probe: Probe, data: Any, channel: int, gains: Sequence[float] = tuple(np.linspace(0, 10, 101)), gain=None
) -> tuple[np.ndarray, np.ndarray]:
    """The mean loss against the gain by which everything that reads a channel multiplies it.

    Args:
        probe: Runs the model.
        data: Data with labels that can be read again and again.
        channel: Its id.
        gains: The gains to try; 0 is the removal, 1 the model as it is.
        gain: float (num_ids,), the gains of the other channels, 0 for what is gone already; None for all ones.

    Returns:
        The gains and the losses, float (len(gains),) both.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465, the gain figures.
    """
    others = np.ones(probe.graph.num_ids) if gain is None else np.array(gain, float)
    losses = []
    for value in gains:
        others[channel] = value
        losses.append(probe.mean_loss(data, others))
    return np.array(gains, float), np.array(losses)
