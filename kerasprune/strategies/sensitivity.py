"""How much each layer feels the loss of its smallest weights, all others left alone."""

import numpy as np

from kerasprune.evidence import Weighing
from kerasprune.strategies.rounds import State
from kerasprune.strategies.weight_units import WeightUnits

QUALITIES = 2.0 ** np.arange(-3, 2.5, 0.5)  # thresholds that are tried, in standard deviations


def sensitivity(units: WeightUnits, state: State, tolerance: float) -> dict[str, float]:
    """The largest threshold at which a layer, cut alone and not retrained, does no more than a tolerable damage.

    Args:
        units: The kernels; the data that their loss is measured on is that of the rounds.
        state: The model.
        tolerance: The damage, as a share of what it does to the loss to set the whole layer to zero.

    Returns:
        The threshold by the path of a layer, in standard deviations of the weights of its kernel.

    Raises:
        DataError: There is no data with labels, or no loss.
    """
    model = state.opened.copy()
    weighing = Weighing(model, units.rounds.sampling)
    values = np.split(units.values(state), units.ends[:-1])
    paths = [kernel.path for kernel in units.kernels]
    found = dict.fromkeys(paths, float(QUALITIES[-1]))
    whole = weighing.loss()
    for number, path in enumerate(paths):

        def damage(threshold: float, number=number) -> float:
            cut = [*values]
            cut[number] = np.where(np.abs(values[number]) < threshold, 0, values[number])
            units.put_values(model, np.concatenate(cut))
            return weighing.loss() - whole

        limit = tolerance * max(damage(np.inf), 1e-12)
        deviation = spread(values[number])
        found[path] = min(found[path], _largest(lambda q, d=deviation, f=damage: f(q * d), limit))
    return found


def spread(values: np.ndarray) -> float:
    """The standard deviation of the weights that are not zero; 1 where that says nothing."""
    return float(values[values != 0].std()) if np.count_nonzero(values) > 1 else 1.0


def _largest(damage, limit: float) -> float:
    """Where, between two of `QUALITIES`, the damage reaches a limit for the first time."""
    before = (0.0, 0.0)
    for quality in QUALITIES:
        now = (float(quality), damage(quality))
        if now[1] > limit:
            share = (limit - before[1]) / (now[1] - before[1])
            return max(before[0] + share * (now[0] - before[0]), float(QUALITIES[0]) / 4)
        before = now
    return float(QUALITIES[-1])
