"""What all gates on channels share: evidence, a budget that holds at every step, and one sample for all readers."""

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError, Registry
from kerasprune.gates.allotment import Allotment
from kerasprune.gates.gate_costs import GateCosts

GATES = Registry("gate")

gate_kind = GATES.register


class ChannelGate(keras.layers.Layer):
    """The gates of all channel groups of a model, and how many of them the budget lets open.

    Every gate holds its evidence, a trainable number that grows while the channel helps. In each training step the
    gates are ranked by it, and the level is set between the last gate that fits into the budget and the first that
    does not; evidence above the level makes a gate likely to be open. So the budget is met by the level, in one
    step, whatever the optimizer does; what training learns is which channels are worth their price. For this the
    gradient of the evidence is projected on the plane on which the expected cost does not change: the multiplier of
    the budget is the one of least squares, and nobody has to tune it.

    Three phases: while `ramp` lasts the limits fall from the whole model to the budget; until `settle` the gates
    explore at the budget; from then on they stay as they are, and only the model's own weights are trained. In
    inference a gate is open or closed by the weight `keep`, which is within the budget at any time.

    A subclass says how a gate is drawn; see `sample`.

    Args:
        widths: Number of gates of each group, one group after the other; no group ever becomes empty.
        costs: What the gates cost, as from `GateCosts.config`, in units of the limits.
        names: Names of the groups, for reports.
        steps: Number of training steps of the whole schedule; None lets `fit` of a gated model set it.
        ramp: Share of the steps in which the limits fall.
        settle: Share of the steps after which the gates stay as they are.
        temperatures: Width of the transition between open and closed, at the start and when the gates settle.
        initial_keep: Probability with which the least gate is open while everything fits.
        speed: Evidence per unit of the trained weight; how fast gates move relative to other weights.
        seed: For the noise.
        origin: The architecture that `slim` gives back, as JSON, where it is not the one that is trained.

    Raises:
        OptionError: An argument is outside its range.
    """

    def __init__(
        self,
        widths,
        costs,
        names=None,
        steps: int | None = None,
        ramp: float = 0.5,
        settle: float = 0.75,
        temperatures: tuple[float, float] = (0.5, 0.05),
        initial_keep: float = 0.95,
        speed: float = 5.0,
        seed: int | None = None,
        origin: str | None = None,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0 < ramp <= settle <= 1:
            raise OptionError(f"`ramp` and `settle` must be 0 < ramp <= settle <= 1. Received: {ramp}, {settle}.")
        if min(temperatures) <= 0 or not 0.5 <= initial_keep < 1 or speed <= 0 or (steps is not None and steps < 1):
            raise OptionError(
                "`temperatures` and `speed` must be positive, `initial_keep` in [0.5, 1), `steps` at least 1. "
                f"Received: temperatures={temperatures}, speed={speed}, initial_keep={initial_keep}, steps={steps}."
            )
        self.widths = [int(width) for width in widths]
        self.costs = costs
        self.names = list(names) if names is not None else [f"group{number}" for number in range(len(self.widths))]
        self.steps = steps
        self.ramp, self.settle = ramp, settle
        self.temperatures = tuple(temperatures)
        self.initial_keep = initial_keep
        self.speed = speed
        self.seed = seed
        self.origin = origin
        self.noise = keras.random.SeedGenerator(seed)
        self.allotment = Allotment(GateCosts.from_config(costs), self.widths)
        self.supports_masking = True  # the mask of the input is of no concern here

    @property
    def settled(self) -> bool:
        """Whether training has come so far that the gates stay as they are."""
        step = float(read(self.step))
        return step > 0 and step >= self.settle * float(read(self.total))

    @property
    def num_gates(self) -> int:
        """How many gates there are."""
        return sum(self.widths)

    def build(self, input_shape):
        gates = (self.num_gates,)
        self.evidence = self.add_weight(shape=gates, initializer="zeros", name="evidence", trainable=self.learns)
        self.keep = self._state(gates, "ones", "keep")
        self.level = self._state((), "zeros", "level")
        self.temperature = self._state((), keras.initializers.Constant(self.temperatures[0]), "temperature")
        self.step = self._state((), "zeros", "step")
        self.total = self._state((), keras.initializers.Constant(self.steps or 0), "total")

    learns = True

    def _state(self, shape, initializer, name: str):
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=False, name=name, aggregation="only_first_replica"
        )

    def call(self, inputs, training=None):
        factors = self._advance() if training else ops.convert_to_tensor(self.keep)
        return ops.concatenate([ops.ones((1,), factors.dtype), factors])  # (1 + gates,), position 0 is always open

    def _advance(self):
        """One step of the schedule: rank, set the level, renew `keep`, draw."""
        progress = ops.where(self.total > 0, self.step / ops.maximum(self.total, 1.0), 1.0)
        settled = progress >= self.settle
        start, end = self.temperatures
        cooled = ops.minimum(progress / self.settle, 1.0)
        self.temperature.assign(start * (end / start) ** cooled)
        evidence = ops.stop_gradient(self.speed * self.evidence)
        order = self.allotment.order(evidence)
        place = ops.argsort(order)
        costs = self.allotment.prefix_costs(order)
        now = self.allotment.affordable(costs, ops.minimum(progress / self.ramp, 1.0))
        finally_ = self.allotment.affordable(costs, 1.0)
        self.level.assign(self._level_between(evidence, place, now))
        self.keep.assign(ops.where(settled, ops.convert_to_tensor(self.keep), ops.cast(place < finally_, "float32")))
        self.step.assign(self.step + 1)
        drawn = self._draw(place, now)
        return ops.where(settled, ops.convert_to_tensor(self.keep), drawn)

    def _draw(self, place, count):
        """The factors of this step: (gates,); the best gate of every group, which stands in front, is open."""
        logits = (self.speed * self.evidence - self.level) / self.temperature
        probability = ops.stop_gradient(self.probability(logits))
        price = self.allotment.marginal(probability) * probability * (1 - probability)
        factors = self.sample(_priced(logits, ops.stop_gradient(price)))
        return ops.where(place < len(self.widths), ops.maximum(factors, 1.0), factors)

    def _level_between(self, evidence, place, count):
        """Midway between the least evidence among the first `count` gates and the greatest among the others."""
        groups = len(self.widths)
        lowest_in = ops.min(ops.where(ops.logical_and(place < count, place >= groups), evidence, np.inf))
        highest_out = ops.max(ops.where(place >= count, evidence, -np.inf))
        margin = 2 * self.temperature * float(np.log(self.initial_keep / (1 - self.initial_keep)))
        lowest_in = ops.where(lowest_in < np.inf, lowest_in, ops.where(highest_out > -np.inf, highest_out, 0.0))
        highest_out = ops.where(highest_out > -np.inf, highest_out, lowest_in - margin)
        return 0.5 * (lowest_in + highest_out)

    def set_evidence(self, values) -> None:
        """Rank the gates anew: float (gates,), in the units of the level; `keep` follows, unless it is settled."""
        values = np.asarray(values, "float32")
        self.evidence.assign(values / self.speed)
        if not self.settled:
            order = self.allotment.order(ops.convert_to_tensor(values))
            count = self.allotment.affordable(self.allotment.prefix_costs(order), 1.0)
            self.keep.assign(ops.cast(ops.argsort(order) < count, "float32"))

    def probability(self, logits):
        """The probability that a gate is open: (gates,) to (gates,)."""
        return ops.sigmoid(logits)

    def sample(self, logits):
        """The factors of one training step, between 0 and 1, as differentiable functions of the logits: (gates,)."""
        raise NotImplementedError

    def logistic_noise(self):
        """Noise that makes `logits + noise > 0` an event of probability `sigmoid(logits)`: (gates,)."""
        uniform = keras.random.uniform((self.num_gates,), 1e-6, 1 - 1e-6, seed=self.noise)
        return ops.log(uniform) - ops.log(1 - uniform)

    def save_own_variables(self, store):
        """The weights and the state of the noise, which Keras does not save: a resumed run goes on with the same."""
        super().save_own_variables(store)
        store["noise"] = read(self.noise.state)

    def load_own_variables(self, store):
        """Counterpart of `save_own_variables`."""
        super().load_own_variables({key: store[key] for key in store.keys() if key != "noise"})  # noqa: SIM118
        self.noise.state.assign(store["noise"])

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor((1 + self.num_gates,), "float32")

    def get_config(self):
        names = "widths costs names steps ramp settle temperatures initial_keep speed seed origin".split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def read(variable) -> np.ndarray:
    """The value of a variable, of the first replica where there are several."""
    return ops.convert_to_numpy(ops.convert_to_tensor(variable))


@ops.custom_gradient
def _priced(logits, price):
    """The logits; their gradient loses the part along `price`, the gradient of the expected cost.

    With `u` the gradient that arrives, `u - m * price` with `m = (u . price) / (price . price)` is the descent
    direction of the Lagrangian whose multiplier `m` leaves the cost unchanged.
    """

    def grad(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        multiplier = ops.sum(upstream * price) / ops.maximum(ops.sum(price * price), 1e-30)
        return upstream - multiplier * price, ops.zeros_like(price)

    return logits, grad
