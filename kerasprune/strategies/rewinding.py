"""Where a model goes back to after a cut, and what it is compared with: tickets that are none."""

import numpy as np

from kerasprune.core import Registry
from kerasprune.graph import Opened
from kerasprune.strategies.removable_units import RemovableUnits, weights_of
from kerasprune.strategies.rounds import State

# From the units, the state after a cut and the early model to the state that is trained next.
REWINDINGS = Registry("rewinding")

# From the units, the ticket, the early model and a source of noise to what is trained in the place of the ticket.
CONTROLS = Registry("control")


@REWINDINGS.register("weights")
def weights(units: RemovableUnits, state: State, early: Opened) -> State:
    """The weights that are left get the values back that they had early.

    Reference:
        Frankle and Carbin, The Lottery Ticket Hypothesis, ICLR 2019; Frankle et al., Stabilizing the Lottery Ticket
        Hypothesis, 2019: `f(x; m * theta_k)`.
    """
    return units.at(state, units.kept(state), early)


@REWINDINGS.register("learning_rate")
def learning_rate(units: RemovableUnits, state: State, early: Opened) -> State:
    """The weights stay as they are; only the schedule of the training begins anew.

    Reference:
        Renda, Frankle and Carbin, Comparing Rewinding and Fine-tuning in Neural Network Pruning, ICLR 2020.
    """
    return state


@CONTROLS.register("random_init")
def random_init(units: RemovableUnits, state: State, early: Opened, rng: np.random.Generator) -> State:
    """The same places with other first values: those of each kernel at the start, dealt anew among its entries."""
    dealt = {
        path: [rng.permutation(value.reshape(-1)).reshape(value.shape) if value.ndim > 1 else value for value in values]
        for path, values in weights_of(units.base.flat).items()
    }
    return units.at(state, units.kept(state), units.source(dealt))


@CONTROLS.register("random_mask")
def random_mask(units: RemovableUnits, state: State, early: Opened, rng: np.random.Generator) -> State:
    """The same early values in other places, as many of every layer."""
    keep = units.kept(state).copy()
    for ids in units.groups():
        keep[ids] = rng.permutation(keep[ids])
    return units.at(state, keep, early)
