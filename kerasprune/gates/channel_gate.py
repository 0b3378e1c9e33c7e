"""What all gates on channels share: evidence, a level above which they open, and one sample for all readers."""

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError, Registry
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.gates.shared_budget import Drawn, SharedBudget
from kerasprune.graph import remembered
from kerasprune.scheduled import ScheduledLayer, read
from kerasprune.slimming.neuron_mask import axis_length, times

GATES = Registry("gate")


class ChannelGate(ScheduledLayer):
    """Multiplies every channel of a tensor by a gate that training opens and closes.

    It is placed like `Dropout`: behind the layer, and best behind the activation, whose outputs are to be chosen from.
    A layer that is called at several places gives all of them one sample in each step.

    Every gate holds its evidence, a trainable number that grows while the channel helps; evidence above the level
    makes a gate likely to be open. In inference a gate is open or closed by the weight `keep`, and the best gate of a
    group is always open. Alone, a gate has a fixed level, and only its `penalty` asks for few channels. Under a budget
    over all gates of a model, from `gate` or `KeepBudget`, the level follows from the budget; see `SharedBudget`.

    A subclass says how a gate is drawn; see `sample`.

    Args:
        axis: The axis of the channels, never the batch axis.
        penalty: Factor of the expected share of open gates in the loss.
        widths: Number of gates of each group, one group after the other; by default one group, as wide as the axis.
        costs: What the gates cost, as from `GateCosts.config`, where this layer alone has all gates of a budget.
        limits: The limits of a budget over all gates of the model, by name, as absolute numbers.
        names: Names of the groups, for reports.
        temperatures: Width of the transition between open and closed, at the start and when the gates settle.
        initial_keep: Probability with which the least gate is open at the start.
        speed: Evidence per unit of the trained weight; how fast gates move relative to other weights.
        origin: The architecture that `slim` gives back, as JSON, where it is not the one that is trained.
        **kwargs: `steps`, `begin`, `ramp`, `settle`, `seed`, see `ScheduledLayer`, and those of any layer.

    Raises:
        OptionError: An argument is outside its range, or the axis is that of the samples.
    """

    def __init__(
        self,
        axis: int = -1,
        penalty: float = 0.0,
        widths=None,
        costs=None,
        limits=None,
        names=None,
        temperatures: tuple[float, float] = (0.5, 0.05),
        initial_keep: float = 0.95,
        speed: float = 5.0,
        origin: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if axis == 0:
            raise OptionError("`axis` must not be the batch axis. Received: axis=0. For the last axis use -1.")
        if min(temperatures) <= 0 or not 0.5 <= initial_keep < 1 or speed <= 0 or penalty < 0:
            raise OptionError(
                "`temperatures` and `speed` must be positive, `initial_keep` in [0.5, 1), `penalty` at least 0. "
                f"Received: temperatures={temperatures}, speed={speed}, initial_keep={initial_keep}, penalty={penalty}."
            )
        self.axis, self.penalty = axis, penalty
        self.widths = None if widths is None else [int(width) for width in widths]
        self.costs, self.limits = costs, limits
        self.names = None if names is None else list(names)
        self.temperatures = tuple(temperatures)
        self.initial_keep = initial_keep
        self.speed = speed
        self.origin = origin
        self.budget: SharedBudget | None = None
        if costs is not None:
            SharedBudget([self], GateCosts.from_config(costs)).attach()

    @property
    def assumed_progress(self) -> float:
        """A budget holds at once where nobody says how long training lasts; without one, training does not end."""
        return 0.0 if self.budget is None else 1.0

    @property
    def group_names(self) -> list[str]:
        """The names of the groups."""
        return self.names if self.names is not None else [self.name]

    @property
    def group_widths(self) -> list[int]:
        """How many gates each group has."""
        return self.widths if self.widths is not None else [self.width]

    @property
    def num_gates(self) -> int:
        """How many gates there are."""
        return sum(self.group_widths)

    @property
    def first_level(self) -> float:
        """The level at which a gate without evidence is open with the probability `initial_keep`."""
        return -self.temperatures[0] * float(np.log(self.initial_keep / (1 - self.initial_keep)))

    def build(self, input_shape):
        self.width = None if self.widths is not None else axis_length(self, input_shape)
        gates = (self.num_gates,)
        self.evidence = self.add_weight(shape=gates, initializer="zeros", name="evidence", trainable=self.learns)
        self.keep = self.state(gates, "ones", "keep")
        self.level = self.state((), keras.initializers.Constant(self.first_level), "level")
        self.temperature = self.state((), keras.initializers.Constant(self.temperatures[0]), "temperature")
        self.build_schedule()

    def call(self, inputs, training=None):
        return times(inputs, self.factors(training), self.axis)

    def factors(self, training):
        """The factors of all gates, the same ones in all calls of one step: float (gates,)."""
        if not training:
            return ops.convert_to_tensor(self.keep)
        memory = remembered(self)
        if id(self) not in memory:
            drawn = self.drawn_alone() if self.budget is None else self.budget.drawn(self, memory)
            memory[id(self)] = drawn.factors
            self._advance_to(drawn)
        return memory[id(self)]

    def prepare(self, training) -> None:
        self.factors(training)

    def _advance_to(self, drawn: Drawn) -> None:
        for weight, value in (
            (self.level, drawn.level),
            (self.keep, drawn.keep),
            (self.temperature, drawn.temperature),
        ):
            weight.assign(value)
        self.advance()

    def drawn_alone(self) -> Drawn:
        """What a step without a budget does: the level stays, and evidence above it keeps a channel."""
        settled, temperature = self.is_settled(), self.cooled()
        evidence = ops.stop_gradient(self.speed * self.evidence)
        best = ops.equal(ops.argsort(ops.argsort(-evidence)), 0)
        chosen = ops.cast(ops.logical_or(evidence > self.level, best), "float32")
        keep = ops.where(settled, ops.convert_to_tensor(self.keep), chosen)
        logits = self.logits(self.level, temperature)
        if self.penalty:
            self.add_loss(self.penalty * ops.mean(ops.where(settled, keep, self.probability(logits))))
        factors = self.opened(best, self.drawn(logits, chosen))
        return Drawn(self.level + 0.0, keep, temperature, ops.where(settled, keep, factors))

    def cooled(self):
        """The temperature of this step: float ()."""
        start, end = self.temperatures
        return start * (end / start) ** ops.minimum(self.progress() / self.settle, 1.0)

    def logits(self, level, temperature):
        """What a gate's probability is a function of: (gates,)."""
        return (self.speed * self.evidence - level) / temperature

    def drawn(self, logits, chosen):
        """The factors of one training step where 1 in `chosen` marks the gates whose evidence is above the level."""
        return self.sample(logits)

    @staticmethod
    def opened(best, factors):
        """The factors with the best gate of every group open."""
        return ops.where(best, ops.maximum(factors, 1.0), factors)

    def set_evidence(self, values) -> None:
        """Rank the gates anew: float (gates,), in the units of the level; `keep` follows, unless it is settled."""
        values = np.asarray(values, "float32")
        self.evidence.assign(values / self.speed)
        if self.settled:
            return
        if self.budget is not None:
            self.budget.renew()
        else:
            self.keep.assign((values > float(read(self.level))) | (np.arange(len(values)) == values.argmax()))

    def probability(self, logits):
        """The probability that a gate is open: (gates,) to (gates,)."""
        return ops.sigmoid(logits)

    def sample(self, logits):
        """The factors of one training step, between 0 and 1, as differentiable functions of the logits: (gates,)."""
        raise NotImplementedError

    def logistic_noise(self):
        """Noise that makes `logits + noise > 0` an event of probability `sigmoid(logits)`: (gates,)."""
        uniform = keras.random.uniform((self.num_gates,), 1e-6, 1 - 1e-6, seed=self.random)
        return ops.log(uniform) - ops.log(1 - uniform)

    def expected(self) -> np.ndarray:
        """The probability of every gate to be open, 0 or 1 once they are settled: float (gates,)."""
        if self.settled or not self.learns:
            return read(self.keep)
        logits = self.logits(float(read(self.level)), float(read(self.temperature)))
        return read(self.probability(logits))

    def learned(self):
        return read(self.evidence)

    def counts(self):
        return {"kept_channels": int(read(self.keep).sum())}

    def report(self):
        groups = np.split(read(self.keep), np.cumsum(self.group_widths)[:-1])
        kept = {f"kept/{name}": int(group.sum()) for name, group in zip(self.group_names, groups, strict=True)}
        return kept if self.budget is None else {**kept, **self.budget.report()}

    def compute_mask(self, inputs, previous_mask=None):
        return previous_mask

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def get_config(self):
        names = "axis penalty widths costs limits names temperatures initial_keep speed origin".split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
