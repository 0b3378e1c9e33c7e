"""Gates on single weights of which a given number is open after a given number of steps."""

from collections.abc import Callable

from keras import ops

from kerasprune.core import OptionError
from kerasprune.scheduled import read
from kerasprune.sparse.weight_gates import WeightGates


class RankedWeights(WeightGates):
    """Keeps, at every moment of training, the number of weights that a schedule allows.

    What is kept is a weight of this layer, found anew every `every` steps from `begin` to `settle`; from there on it is
    fixed, and the weights that are left train alone.

    Args:
        sparsity: The share of the weights that shall be zero in the end, in [0, 1).
        weights: In place of `sparsity`, how many weights are left in the end.
        ramp: When the number is reached: a share of the steps, or above 1 a number of steps.
        settle: When the last ranking is done, given in the same way.
        every: Steps between two rankings.
        **kwargs: `steps`, `begin`, `seed`, see `ScheduledLayer`, and those of any layer.

    Raises:
        OptionError: There is no target or there are two, or an argument is out of range.
    """

    def __init__(
        self,
        sparsity: float | None = None,
        weights: int | None = None,
        ramp: float = 0.7,
        settle: float = 0.8,
        every: int = 100,
        **kwargs,
    ):
        super().__init__(ramp=ramp, settle=settle, **kwargs)
        self._check_target(sparsity, weights)
        if sparsity is not None and not 0 <= sparsity < 1:
            raise OptionError(f"`sparsity` must be in [0, 1). Received: sparsity={sparsity}. For 90 % zeros use 0.9.")
        for name, value in (("weights", weights), ("every", every)):
            if value is not None and (int(value) != value or value < 1):
                raise OptionError(f"`{name}` must be a whole number of at least 1. Received: {name}={value!r}.")
        self.sparsity, self.target = sparsity, weights
        self.every = every

    def _check_target(self, sparsity, weights) -> None:
        if (sparsity is None) == (weights is None):
            raise OptionError(
                "Pass `sparsity`, the share of zeros, or `weights`, how many are left, and not both; without such a "
                f"target there is the method 'penalty'. Received: sparsity={sparsity}, weights={weights}."
            )

    @property
    def allowed_in_the_end(self) -> int:
        """How many weights are left in the end."""
        return self.target if self.sparsity is None else max(round((1 - self.sparsity) * self.size), 1)

    def build_gates(self, kernel_shapes) -> None:
        if self.allowed_in_the_end > self.size:
            raise OptionError(
                f"`weights` must be between 1 and {self.size:,}, all that there are. Received: weights={self.target}."
            )
        self.keep = self.state((self.size,), self.first_kept(), "keep")

    def first_kept(self) -> str | Callable:
        """The initializer of what is kept before the first ranking."""
        return "ones"

    def ranked(self, values: list):
        """Which weights the schedule allows now: float (size,), 0 or 1, from the entries of each kernel."""
        raise NotImplementedError

    def before_change(self, keep, values: list) -> None:
        """What else changes when `keep`, (size,), takes the place of what was kept before."""

    def explore(self):
        """The gates before they settle: float (size,)."""
        raise NotImplementedError

    def sample(self, values):
        last = self.first_settled() - 1
        turn = ops.equal(ops.mod(self.step - self.first_step(), float(self.every)), 0.0)
        due = ops.logical_and(
            ops.logical_and(self.has_begun(), ops.logical_not(self.is_settled())),
            ops.logical_or(turn, ops.equal(self.step, last)),
        )
        keep = ops.cond(
            due,
            lambda: self.ranked([ops.stop_gradient(value) for value in values]),
            lambda: ops.convert_to_tensor(self.keep),
        )
        self.before_change(keep, values)
        self.keep.assign(keep)
        gates = ops.where(self.step < last, self.explore(), keep)
        self.advance()
        return gates

    def kept(self):
        return ops.convert_to_tensor(self.keep)

    def remark(self):
        step, total = int(read(self.step)), int(read(self.total))
        if self.settled:
            return None
        return (
            f"`{self.name}` has been trained for {step} of {total or 'an unknown number of'} steps: "
            f"{int(read(self.keep).sum()):,} weights are left where {self.allowed_in_the_end:,} were asked for. "
            "Train on, or tell it the number of steps that training has."
        )

    def get_config(self):
        own = {"sparsity": self.sparsity, "weights": self.target, "every": self.every}
        return {**super().get_config(), **own}
