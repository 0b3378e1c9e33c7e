"""Gates on single weights of which a given number is open after a given number of steps."""

from keras import ops

from kerasprune.core import OptionError
from kerasprune.scheduled import read
from kerasprune.sparse.weight_gates import WeightGates, largest


class RankedWeights(WeightGates):
    """Keeps, at every moment of training, the number of weights that a schedule allows.

    What is kept is a weight of this layer, found anew every `every` steps by ranking `scores`, until `settle` of the
    steps are done; from there on it is fixed, and the weights that are left train alone.

    Args:
        sparsity: The share of the weights that shall be zero in the end, in [0, 1).
        weights: In place of `sparsity`, how many weights are left in the end.
        steps: How many steps (batches) training will have; None lets `fit` say it.
        ramp: The part of the steps after which the number is reached, in (0, settle].
        settle: The part of the steps after which nothing is ranked any more, in (0, 1].
        every: Steps between two rankings.
        **kwargs: `seed`, and those of any layer.

    Raises:
        OptionError: There is no target or there are two, or an argument is out of range.
    """

    def __init__(
        self,
        sparsity: float | None = None,
        weights: int | None = None,
        steps: int | None = None,
        ramp: float = 0.7,
        settle: float = 0.8,
        every: int = 100,
        **kwargs,
    ):
        super().__init__(steps=steps, ramp=ramp, settle=settle, **kwargs)
        if (sparsity is None) == (weights is None):
            raise OptionError(
                "Pass `sparsity`, the share of zeros, or `weights`, how many are left, and not both; without such a "
                f"target there is the method 'penalty'. Received: sparsity={sparsity}, weights={weights}."
            )
        if sparsity is not None and not 0 <= sparsity < 1:
            raise OptionError(f"`sparsity` must be in [0, 1). Received: sparsity={sparsity}. For 90 % zeros use 0.9.")
        for name, value in (("weights", weights), ("every", every)):
            if value is not None and (int(value) != value or value < 1):
                raise OptionError(f"`{name}` must be a whole number of at least 1. Received: {name}={value!r}.")
        self.sparsity, self.target = sparsity, weights
        self.every = every

    @property
    def allowed_in_the_end(self) -> int:
        """How many weights are left in the end."""
        return self.target if self.sparsity is None else max(round((1 - self.sparsity) * self.size), 1)

    def build_gates(self, kernel_shapes) -> None:
        if self.allowed_in_the_end > self.size:
            raise OptionError(
                f"`weights` must be between 1 and {self.size:,}, all that there are. Received: weights={self.target}."
            )
        self.keep = self.state((self.size,), "ones", "keep")

    def scores(self, values):
        """What weights are ranked by: float (size,), higher = more worth keeping."""
        raise NotImplementedError

    def allowed(self):
        """How many weights the schedule allows now: float ()."""
        raise NotImplementedError

    def explore(self):
        """The gates before they settle: float (size,)."""
        raise NotImplementedError

    def sample(self, values):
        last = self.first_settled() - 1
        due = ops.logical_and(
            ops.logical_not(self.is_settled()),
            ops.logical_or(ops.equal(ops.mod(self.step, float(self.every)), 0.0), ops.equal(self.step, last)),
        )
        keep = ops.cond(
            due,
            lambda: largest(ops.stop_gradient(self.scores(values)), ops.round(self.allowed())),
            lambda: ops.convert_to_tensor(self.keep),
        )
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
