"""How many weights of each kernel are left, where a number is to be left of all."""

import math
from collections.abc import Sequence

import numpy as np

from kerasprune.core import OptionError, Registry

# From the shapes of the kernels to densities relative to each other, float (kernels,); None where all weights of all
# kernels compete for the same places.
DISTRIBUTIONS: Registry = Registry("distribution")
Shapes = Sequence[tuple[int, ...]]


@DISTRIBUTIONS.register("global")
def over_all(shapes: Shapes) -> None:
    """The weights of all kernels compete for the same places."""


@DISTRIBUTIONS.register("uniform")
def uniform(shapes: Shapes) -> np.ndarray:
    """The same share of every kernel is left."""
    return np.ones(len(shapes))


@DISTRIBUTIONS.register("erdos_renyi")
def erdos_renyi(shapes: Shapes) -> np.ndarray:
    """Small kernels stay denser: as in a random graph between inputs and outputs.

    Reference:
        Mocanu et al., Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity, 2018: density
        proportional to `(inputs + outputs) / (inputs * outputs)`.
    """
    return np.array([sum(shape[-2:]) / math.prod(shape[-2:]) for shape in shapes])


@DISTRIBUTIONS.register("erdos_renyi_kernel")
def erdos_renyi_kernel(shapes: Shapes) -> np.ndarray:
    """As erdos_renyi, with the windows of convolutions.

    Reference:
        Evci et al., Rigging the Lottery: Making All Tickets Winners, 2020: density proportional to
        `(inputs + outputs + height + width) / (inputs * outputs * height * width)`.
    """
    return np.array([sum(shape) / math.prod(shape) for shape in shapes])


def counts(relative: np.ndarray, sizes: np.ndarray, total: int) -> np.ndarray:
    """How many weights each kernel keeps: whole numbers that add up to `total`, at least 1 each.

    A kernel that would get more than it has is dense, and the others share what that leaves. Numbers are rounded by
    the largest remainders, so that each is within one of its share; ties go to the first.

    Args:
        relative: float (kernels,), densities relative to each other.
        sizes: int (kernels,).
        total: Between the number of kernels and the sum of the sizes.

    Returns:
        int (kernels,).

    Raises:
        OptionError: There are more kernels than weights to keep.

    Example:

    >>> counts(np.array([1.0, 1.0, 4.0]), np.array([100, 100, 10]), 100)
    array([45, 45, 10])
    """
    if total < len(sizes):
        raise OptionError(
            f"Of {len(sizes)} kernels at least one weight each must stay, which exceeds the {total} that were asked "
            "for. Ask for more weights, or use distribution='global'."
        )
    dense = np.zeros(len(sizes), bool)
    while True:
        weight = np.where(dense, 0.0, relative * sizes)
        left = total - sizes[dense].sum()
        shares = np.where(dense, sizes, left * weight / max(weight.sum(), 1e-30))
        too_many = shares > sizes * (1 + 1e-9)
        if not too_many.any():
            break
        dense |= too_many
    found = np.maximum(np.floor(shares + 1e-9), 1).astype(int)
    order = np.argsort(found - shares, kind="stable")
    while found.sum() != total:
        step = 1 if found.sum() < total else -1
        for place in order if step > 0 else order[::-1]:
            if found.sum() != total and 1 <= found[place] + step <= sizes[place]:
                found[place] += step
    return found
