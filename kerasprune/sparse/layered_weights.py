"""Gates on single weights of which every kernel has a number of its own."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kerasprune.core import OptionError
from kerasprune.sparse.distribution import DISTRIBUTIONS, counts
from kerasprune.sparse.kernels import matches
from kerasprune.sparse.ranked_weights import RankedWeights


class Portion(NamedTuple):
    """Kernels whose weights compete for the same places, by their numbers, and how many weights are left of them."""

    kernels: tuple[int, ...]
    left: int


class LayeredWeights(RankedWeights):
    """Keeps a given number of weights over all kernels, or of each.

    Args:
        distribution: How the number that is left is spread: "global" (all weights compete for the same places),
            "uniform" (the same share of every kernel), "erdos_renyi" and "erdos_renyi_kernel" (small kernels stay
            denser), or any other that is registered.
        rates: The sparsity of kernels of layers by patterns of names, such as {"classes": 0.5, "block*/conv": 0.8};
            where several match, the last one counts. They are apart from `distribution`, and with `sparsity` from the
            number that it gives; `weights` counts them in.
        **kwargs: See `RankedWeights`.

    Raises:
        OptionError: A pattern matches nothing, or a rate is out of range.
    """

    def __init__(self, distribution: str = "global", rates: Mapping[str, float] | None = None, **kwargs):
        super().__init__(**kwargs)
        DISTRIBUTIONS[distribution]
        for pattern, rate in (rates or {}).items():
            if not 0 <= rate < 1:
                raise OptionError(f"`rates` must be in [0, 1). Received: {pattern!r}: {rate}. For 90 % zeros use 0.9.")
        self.distribution = distribution
        self.rates = None if rates is None else dict(rates)

    @property
    def allowed_in_the_end(self) -> int:
        return sum(share.left for share in self.shares())

    def shares(self) -> list[Portion]:
        """What is left in the end, of which kernels."""
        sizes = np.array([math.prod(shape) for shape in self.shapes])
        rated: dict[int, float] = {}
        for pattern, rate in (self.rates or {}).items():
            rated |= dict.fromkeys(matches(pattern, self.names, "rates"), rate)
        found = [Portion((place,), _left(rate, sizes[place])) for place, rate in sorted(rated.items())]
        rest = [place for place in range(len(sizes)) if place not in rated]
        return [*found, *self._spread(rest, sizes, sum(share.left for share in found))] if rest else found

    def _spread(self, rest: list[int], sizes: np.ndarray, taken: int) -> list[Portion]:
        """The shares of the kernels that have no rate of their own."""
        total = int(sizes[rest].sum())
        left = self.target - taken if self.sparsity is None else _left(self.sparsity, total)
        if not 1 <= left <= total:
            raise OptionError(
                f"`weights` must be between {taken + 1:,} and {taken + total:,}, all that there are. "
                f"Received: weights={self.target}."
            )
        relative = DISTRIBUTIONS[self.distribution]([self.shapes[place] for place in rest])
        if relative is None:
            return [Portion(tuple(rest), left)]
        numbers = counts(relative, sizes[rest], left)
        return [Portion((place,), int(number)) for place, number in zip(rest, numbers, strict=True)]

    def get_config(self):
        return {**super().get_config(), "distribution": self.distribution, "rates": self.rates}


def _left(rate: float, size: int) -> int:
    return max(round((1 - rate) * int(size)), 1)
