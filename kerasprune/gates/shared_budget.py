"""One budget over the gates of one or several layers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops

from kerasprune.core import OptionError
from kerasprune.gates.gate_budget import GateBudget
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.scheduled import read


class Drawn(NamedTuple):
    """What one training step makes of the gates of one layer: the new level, keep and temperature, and the factors."""

    level: object
    keep: object
    temperature: object
    factors: object


class SharedBudget:
    """The level of all gates under one budget, which holds at every step.

    In each training step all gates are ranked by their evidence, and the level is set between the last gate that fits
    into the budget and the first that does not. So the budget is met by the level, in one step, whatever the optimizer
    does; what training learns is which channels are worth their price. For this the gradient of the evidence is
    projected on the plane on which the expected cost does not change: the multiplier of the budget is the one of least
    squares, and nobody has to tune it. The `keep` of inference is within the budget at any time.

    Args:
        gates: The gate layers, built or not.
        costs: What their gates cost, one layer after the other, in units of the limits.

    Raises:
        OptionError: The layers have different schedules.
    """

    def __init__(self, gates: Sequence, costs: GateCosts):
        self.gates = list(gates)
        self.costs = costs
        self.lead = self.gates[0]
        for name in ("steps", "begin", "ramp", "settle", "temperatures", "initial_keep"):
            values = {getattr(gate, name): gate.name for gate in self.gates}
            if len(values) > 1:
                given = ", ".join(f"{owner}: {name}={value}" for value, owner in values.items())
                raise OptionError(f"Gates under one budget share one schedule: give all the same `{name}`. {given}.")
        self._arithmetic: GateBudget | None = None

    def attach(self) -> None:
        """From now on the gates obey this budget."""
        for gate in self.gates:
            gate.budget = self

    @property
    def arithmetic(self) -> GateBudget:
        """Costs and groups as constants of a step; the widths are known once the gates are built."""
        if self._arithmetic is None:
            self._arithmetic = GateBudget(self.costs, [width for gate in self.gates for width in gate.group_widths])
        return self._arithmetic

    def drawn(self, gate, memory: dict) -> Drawn:
        """What this step makes of the gates of one layer; it is computed for all layers at once, by the first call."""
        if id(self) not in memory:
            memory[id(self)] = self._draw()
        return memory[id(self)][self.gates.index(gate)]

    def _draw(self) -> list[Drawn]:
        """One step: rank, set the level, find what inference keeps, draw."""
        lead, arithmetic = self.lead, self.arithmetic
        settled, temperature = lead.is_settled(), lead.cooled()
        evidence = ops.stop_gradient(_joined([gate.speed * gate.evidence for gate in self.gates]))
        order = arithmetic.order(evidence)
        place = ops.argsort(order)
        costs = arithmetic.prefix_costs(order)
        now, finally_ = (arithmetic.affordable(costs, progress) for progress in (lead.ramped(), 1.0))
        level = self._level_between(evidence, place, now, temperature)
        priced = self._priced(level, temperature)
        best, chosen, keep = (place < count for count in (arithmetic.num_groups, now, finally_))
        drawn = []
        for gate, logits, top, taken, stays in zip(
            self.gates, *map(self._parts, (priced, best, ops.cast(chosen, "float32"), keep)), strict=True
        ):
            stays = ops.where(settled, ops.convert_to_tensor(gate.keep), ops.cast(stays, "float32"))
            factors = ops.where(settled, stays, gate.opened(top, gate.drawn(logits, taken)))
            drawn.append(Drawn(level, stays, temperature, factors))
        return drawn

    def _priced(self, level, temperature):
        """The logits of all gates, whose gradient does not change the expected cost: (gates,)."""
        logits = [gate.logits(level, temperature) for gate in self.gates]
        found = [gate.probability(part) for gate, part in zip(self.gates, logits, strict=True)]
        probability = ops.stop_gradient(_joined(found))
        price = self.arithmetic.marginal(probability) * probability * (1 - probability)
        return priced(_joined(logits), ops.stop_gradient(price))

    def _level_between(self, evidence, place, count, temperature):
        """Midway between the least evidence among the first `count` gates and the greatest among the others."""
        groups = self.arithmetic.num_groups
        lowest_in = ops.min(ops.where(ops.logical_and(place < count, place >= groups), evidence, np.inf))
        highest_out = ops.max(ops.where(place >= count, evidence, -np.inf))
        margin = 2 * temperature * float(np.log(self.lead.initial_keep / (1 - self.lead.initial_keep)))
        lowest_in = ops.where(lowest_in < np.inf, lowest_in, ops.where(highest_out > -np.inf, highest_out, 0.0))
        highest_out = ops.where(highest_out > -np.inf, highest_out, lowest_in - margin)
        return 0.5 * (lowest_in + highest_out)

    def renew(self) -> None:
        """Find anew, outside of training, what inference keeps."""
        arithmetic = self.arithmetic
        order = arithmetic.order(_joined([gate.speed * gate.evidence for gate in self.gates]))
        count = arithmetic.affordable(arithmetic.prefix_costs(order), 1.0)
        for gate, keep in zip(self.gates, self._parts(ops.cast(ops.argsort(order) < count, "float32")), strict=True):
            gate.keep.assign(keep)

    def report(self) -> dict[str, float]:
        """The expected and the hard cost of all gates, as fractions of the limits."""
        expected = np.concatenate([gate.expected() for gate in self.gates])
        keep = np.concatenate([read(gate.keep) for gate in self.gates])
        entries = {f"expected_{name}": cost for name, cost in self.costs.of(expected).items()}
        return entries | {f"hard_{name}": cost for name, cost in self.costs.of(keep).items()}

    def _parts(self, values) -> list:
        """What of (gates,) belongs to each layer; a slice, whose gradient is cheap."""
        ends = np.cumsum([gate.num_gates for gate in self.gates]).tolist()
        return [values[end - gate.num_gates : end] for gate, end in zip(self.gates, ends, strict=True)]


def _joined(parts: list):
    return ops.concatenate(parts) if len(parts) > 1 else ops.convert_to_tensor(parts[0])


@ops.custom_gradient
def priced(logits, price):
    """The logits; their gradient loses the part along `price`, the gradient of the expected cost.

    With `u` the gradient that arrives, `u - m * price` with `m = (u . price) / (price . price)` is the descent
    direction of the Lagrangian whose multiplier `m` leaves the cost unchanged.
    """

    def grad(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        multiplier = ops.sum(upstream * price) / ops.maximum(ops.sum(price * price), 1e-30)
        return upstream - multiplier * price, ops.zeros_like(price)

    return logits, grad
