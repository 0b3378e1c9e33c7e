"""Gradual magnitude pruning."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError, accepted
from kerasprune.core.schedule import SCHEDULES
from kerasprune.sparse.blocks import POOLINGS, Blocks, best_blocks, best_of_every
from kerasprune.sparse.layered_weights import LayeredWeights
from kerasprune.sparse.weight_gates import METHODS, joined, split_up


@METHODS.register("magnitude")
@keras.saving.register_keras_serializable(package="kerasprune")
class MagnitudeWeights(LayeredWeights):
    """Keeps the weights of largest magnitude, fewer and fewer along a curve.

    A weight that is closed keeps its value, and comes back when a later ranking finds it among the largest.

    Args:
        schedule: The curve along which the number falls: "cubic", "polynomial" (with `exponent`), "linear",
            "geometric", "constant" (at once), "stepwise" (with `stairs`), or any other that is registered.
        exponent: Of the schedule "polynomial", 3 if not given.
        stairs: Of the schedule "stepwise", 4 if not given.
        start: The share of the weights that is kept when the number begins to fall.
        block: Rows and columns of the blocks that stay or go as a whole, over the inputs and outputs of a kernel, such
            as (1, 4), (4, 1) or (16, 1); the number that is left is met to one block.
        pooling: How blocks are ranked: by the "mean" or the "max" of the magnitudes in them.
        n_of_m: In place of a target: of every `m` weights that follow each other along the inputs, `n` are left, such
            as (2, 4).
        regrow: Whether weights come back before the numbers settle.
        **kwargs: See `LayeredWeights`.

    Raises:
        OptionError: An option is unknown, out of range or does not go together with another.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017: `s_t = s_f + (s_i - s_f) * (1 - t) ** 3`, `s` the share removed.
    """

    def __init__(
        self,
        schedule: str = "cubic",
        exponent: float | None = None,
        stairs: int | None = None,
        start: float = 1.0,
        block: Sequence[int] = (1, 1),
        pooling: str = "mean",
        n_of_m: Sequence[int] | None = None,
        regrow: bool = True,
        **kwargs,
    ):
        self.n_of_m = None if n_of_m is None else tuple(n_of_m)  # decides what is a target
        super().__init__(**kwargs)
        self.schedule, self.exponent, self.stairs, self.start = schedule, exponent, stairs, start
        self.block, self.pooling, self.regrow = tuple(block), pooling, regrow
        self._check_schedule()
        self._check_units()

    def _check_target(self, sparsity, weights) -> None:
        if self.n_of_m is None:
            super()._check_target(sparsity, weights)
        elif sparsity is not None or weights is not None:
            raise OptionError(
                "`n_of_m` says how many weights are left, so `sparsity` and `weights` are not to be given. "
                f"Received: n_of_m={self.n_of_m}, sparsity={sparsity}, weights={weights}."
            )

    def _check_schedule(self) -> None:
        accepted(self._curve(), SCHEDULES[self.schedule], f"The schedule {self.schedule!r}", ("final", "progress"))
        if any(value <= 0 for value in self._curve().values()):
            raise OptionError(f"`exponent` and `stairs` must be above 0. Received: {self._curve()}.")
        if not 0 < self.start <= 1:
            raise OptionError(f"`start` must be in (0, 1], the share that is kept. Received: start={self.start}.")

    def _check_units(self) -> None:
        POOLINGS[self.pooling]
        if len(self.block) != 2 or any(int(side) != side or side < 1 for side in self.block):
            raise OptionError(f"`block` must be two whole numbers, rows and columns. Received: block={self.block}.")
        if self.n_of_m is None:
            return
        if len(self.n_of_m) != 2 or not 1 <= self.n_of_m[0] <= self.n_of_m[1]:
            raise OptionError(f"`n_of_m` must be (n, m) with 1 <= n <= m, as (2, 4). Received: n_of_m={self.n_of_m}.")
        if self.block != (1, 1) or self.rates or self.distribution != "global":
            raise OptionError(
                "`n_of_m` is the same for all kernels, so `block`, `rates` and `distribution` are not to be given. "
                f"Received: block={self.block}, rates={self.rates}, distribution={self.distribution!r}."
            )

    def _curve(self) -> dict:
        given = {"exponent": self.exponent, "stairs": self.stairs}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def allowed_in_the_end(self) -> int:
        return super().allowed_in_the_end if self.n_of_m is None else sum(map(self._left_of_every, self.shapes))

    def _left_of_every(self, shape: tuple[int, ...]) -> int:
        """How many weights of a kernel are left where `n` of every `m` are."""
        count, group = self.n_of_m
        rows = shape[-2] if len(shape) > 1 else 1
        return math.prod(shape) // rows * (rows // group * count + min(rows % group, count))

    def allowed(self, left: int, total: int):
        """How many of `total` weights, of which `left` are left in the end, the schedule leaves now: int ()."""
        progress, final = self.ramped(), min(left / total / self.start, 1.0)
        now = ops.round(total * self.start * SCHEDULES[self.schedule](final, progress, **self._curve()))
        return ops.where(progress >= 1, left, ops.maximum(ops.cast(now, "int32"), left))

    def ranked(self, values):
        magnitudes = [ops.abs(value) for value in values]
        if not self.regrow:  # what is closed comes behind all that is open
            kept = self.parts(ops.convert_to_tensor(self.keep))
            magnitudes = [ops.where(part > 0, each, -1.0) for each, part in zip(magnitudes, kept, strict=True)]
        return self._largest(magnitudes) if self.n_of_m is None else self._largest_of_every(magnitudes)

    def _largest(self, magnitudes: list):
        """The largest of all that compete: float (size,)."""
        found: dict[int, object] = {}
        for share in self.shares():
            blocks = [Blocks(self.shapes[place], self.block) for place in share.kernels]
            pooled = [
                each.pooled(magnitudes[place], self.pooling) for each, place in zip(blocks, share.kernels, strict=True)
            ]
            sizes = [each.sizes for each in blocks]
            total = sum(int(each.sum()) for each in sizes)
            chosen = best_blocks(joined(pooled), np.concatenate(sizes), self.allowed(share.left, total))
            parts = split_up(chosen, [len(each) for each in sizes])
            found |= {place: each.spread(part) for place, each, part in zip(share.kernels, blocks, parts, strict=True)}
        return joined([found[place] for place in range(len(magnitudes))])

    def _largest_of_every(self, magnitudes: list):
        """The largest `n` of every `m`: float (size,)."""
        count, group = self.n_of_m
        allowed = self.allowed(count, group)
        return joined(
            [best_of_every(each, shape, group, allowed) for each, shape in zip(magnitudes, self.shapes, strict=True)]
        )

    def explore(self):
        return ops.convert_to_tensor(self.keep)

    def get_config(self):
        names = "schedule exponent stairs start block pooling n_of_m regrow".split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
