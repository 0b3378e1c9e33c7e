"""Gates on single weights of which some go and as many others come, while their number stays the same."""

import math

import numpy as np
from keras import ops

from kerasprune.core import OptionError
from kerasprune.sparse.layered_weights import LayeredWeights
from kerasprune.sparse.weight_gates import joined, largest, split_up


class RegrownWeights(LayeredWeights):
    """Trains with the number of weights that is left in the end from the first step on, and moves them.

    At the start, weights drawn at random are open. In every ranking from `begin` to `settle` the open ones of smallest
    magnitude close, a share of them that falls along a cosine, and as many others open at zero; a subclass says which.

    Args:
        renewed: The share of the open weights that close in the first ranking, in (0, 1).
        settle: When the last ranking is done: a share of the steps, or above 1 a number of steps.
        distribution: See `LayeredWeights`.
        **kwargs: See `LayeredWeights`.

    Raises:
        OptionError: An option is out of range.

    Reference:
        Evci et al., Rigging the Lottery: Making All Tickets Winners, 2020: the share that closes at step `t` is
        `a / 2 * (1 + cos(pi * t / T))`, with `T` the step in which the last ones do.
    """

    def __init__(self, renewed: float = 0.3, settle: float = 0.75, distribution: str = "erdos_renyi_kernel", **kwargs):
        super().__init__(settle=settle, distribution=distribution, **{"ramp": settle, **kwargs})
        if not 0 < renewed < 1:
            raise OptionError(f"`renewed` must be in (0, 1). Received: renewed={renewed}. The published share is 0.3.")
        self.renewed = renewed

    def build_gates(self, kernel_shapes) -> None:
        super().build_gates(kernel_shapes)
        # What a closed weight had when it opened: it is taken off from then on, so that the weight starts at zero.
        self.base = self.state((self.size,), "zeros", "base")

    def first_kept(self):
        drawn = self._drawn()
        return lambda shape, dtype: ops.convert_to_tensor(drawn, dtype)

    def _drawn(self) -> np.ndarray:
        """The weights that are open at the start: float (size,), 0 or 1."""
        rng = np.random.default_rng(self.seed)
        sizes = [math.prod(shape) for shape in self.shapes]
        keep = [np.zeros(size, "float32") for size in sizes]
        for share in self.shares():
            places = np.concatenate([np.arange(sizes[place]) + sum(sizes[:place]) for place in share.kernels])
            flat = np.concatenate(keep)
            flat[rng.permutation(places)[: share.left]] = 1
            keep = np.split(flat, np.cumsum(sizes)[:-1])
        return np.concatenate(keep)

    def growth(self) -> list:
        """What closed weights are ranked by: for each kernel float (entries,), higher = opens first."""
        raise NotImplementedError

    def share_renewed(self):
        """The share of the open weights that close now: float ()."""
        first = self.first_step()
        progress = ops.clip((self.step - first) / ops.maximum(self.first_settled() - first, 1.0), 0.0, 1.0)
        return 0.5 * self.renewed * (1 + ops.cos(math.pi * progress))

    def has_begun(self):
        return ops.logical_and(super().has_begun(), self.step > self.first_step())  # at first there is nothing to rank

    def before_change(self, keep, values):
        opens = keep > ops.convert_to_tensor(self.keep)
        flat = ops.stop_gradient(joined(values))
        self.base.assign(ops.where(opens, flat, ops.convert_to_tensor(self.base)))

    def ranked(self, values):
        magnitudes = ops.abs(joined(values) - self.base)
        among_open = ops.where(ops.convert_to_tensor(self.keep) > 0, magnitudes, -1.0)
        return joined(self._moved(self.parts(among_open), self.growth()))

    def _moved(self, magnitudes: list, growth: list) -> list:
        """The gates of each kernel after the smallest have closed and others opened."""
        found: dict[int, object] = {}
        for share in self.shares():
            stay = ops.maximum(ops.floor(share.left * (1 - self.share_renewed())), 1.0)
            best = largest(joined([magnitudes[place] for place in share.kernels]), stay)
            grown = joined([growth[place] for place in share.kernels])
            # Those that stay come first, then those that open; what has just closed may open again.
            keep = largest(ops.where(best > 0, np.inf, grown), share.left)
            parts = split_up(keep, [math.prod(self.shapes[place]) for place in share.kernels])
            found |= dict(zip(share.kernels, parts, strict=True))
        return [found[place] for place in range(len(self.shapes))]

    def explore(self):
        return ops.convert_to_tensor(self.keep)

    def applied(self, kernels, gates):
        bases = self.split(ops.convert_to_tensor(self.base))
        kernels = [kernel - ops.cast(base, kernel.dtype) for kernel, base in zip(kernels, bases, strict=True)]
        return super().applied(kernels, gates)

    def get_config(self):
        return {**super().get_config(), "renewed": self.renewed}
