"""Sparse weights of which a given number is left after a given number of steps."""

import keras
from keras import ops

from kerasprune.core import OptionError
from kerasprune.sparse.sparse_weights import SparseWeights, largest


class ScheduledWeights(SparseWeights):
    """Keeps, at every moment of training, the number of weights that a schedule allows.

    What is kept is a weight of this layer, found anew every `every` steps by ranking `scores()`, until `settle` of the
    steps are done; from there on it is fixed, and the weights that are left train alone.

    Args:
        layer: The layer or model.
        kept: How many weights are left in the end.
        steps: How many steps (batches) training will have; the schedule follows from it.
        ramp: The part of the steps after which the number is reached, in (0, settle].
        settle: The part of the steps after which nothing is ranked any more, in (0, 1].
        every: Steps between two rankings.
        gated: See `SparseWeights`.
        seed: Of what is drawn at random.

    Raises:
        OptionError: `kept`, `steps`, `ramp`, `settle` or `every` is out of range.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        kept: int,
        steps: int,
        ramp: float = 0.7,
        settle: float = 0.8,
        every: int = 100,
        gated: list[int] | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(layer, gated, seed, **kwargs)
        for name, value in (("kept", kept), ("steps", steps), ("every", every)):
            if int(value) != value or value < 1:
                raise OptionError(f"`{name}` must be a whole number of at least 1. Received: {name}={value!r}.")
        if not 0 < ramp <= settle <= 1:
            raise OptionError(f"It must hold that 0 < `ramp` <= `settle` <= 1. Received: ramp={ramp}, settle={settle}.")
        self.kept = kept
        self.steps = steps
        self.ramp = ramp
        self.settle = settle
        self.every = every

    def build_gates(self) -> None:
        if self.kept > self.size:
            raise OptionError(f"`kept` must be at most the number of weights, {self.size}. Received: kept={self.kept}.")
        self.step = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="step")
        self.keep = self.add_weight(shape=(self.size,), initializer="ones", trainable=False, name="keep")

    @property
    def last_ranking(self) -> int:
        """The step at which what is kept is fixed."""
        return max(int(self.settle * self.steps), 1) - 1

    def progress(self):
        """How far training is, with this step, on its way to the final number, 1 from there on; float ()."""
        return ops.minimum(ops.cast(self.step + 1, "float32") / max(int(self.ramp * self.steps), 1), 1.0)

    def scores(self):
        """What weights are ranked by: float (size,), higher = more worth keeping."""
        raise NotImplementedError

    def allowed(self):
        """How many weights the schedule allows now: float ()."""
        raise NotImplementedError

    def gates(self):
        """The gates before the last ranking: float (size,)."""
        raise NotImplementedError

    def sample(self):
        step = ops.convert_to_tensor(self.step)
        last = self.last_ranking
        due = ops.logical_and(step <= last, ops.logical_or(step % self.every == 0, step == last))
        keep = ops.cond(
            due,
            lambda: largest(ops.stop_gradient(self.scores()), ops.round(self.allowed())),
            lambda: ops.convert_to_tensor(self.keep),
        )
        self.keep.assign(keep)
        gates = ops.where(step < last, self.gates(), keep)
        self.step.assign(step + 1)
        return gates

    def settled(self):
        return ops.convert_to_tensor(self.keep)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("kept", "steps", "ramp", "settle", "every")}
        return {**super().get_config(), **own}
