"""Consumers of removed channels repay the loss by least squares, on unlabelled data and without training."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, OptionError
from kerasprune.evidence import Sampling
from kerasprune.evidence.frontier import Frontier
from kerasprune.graph import Program, operations
from kerasprune.recoveries.least_squares import Sums
from kerasprune.recoveries.place import Place
from kerasprune.recoveries.recovery import Damage, Repair, recovery, repair
from kerasprune.recoveries.repairable import changed_layers, obstacle


def reconstruct(
    model: keras.Model,
    graph: ChannelGraph,
    keep: np.ndarray,
    small: keras.Model,
    data: Any,
    *,
    batch_size: int = 32,
    limit: int | None = None,
    damping: float = 1e-4,
    places: int | None = 64,
    memory: float = 1024,
) -> keras.Model:
    """Change the weights of a slimmed model so that its layers put out again what they put out before the cut.

    Args:
        model: The model before the cut.
        graph: Its trace.
        keep: bool (num_ids,), what is left of it.
        small: The slimmed model; it is not touched.
        data: Any data that `kerasprune.core.batches` takes; labels are not used.
        batch_size: Samples that are run together, for arrays.
        limit: Samples that are used at most; None for all.
        damping: As in `Reconstruct`, which says what is done.
        places: As there.
        memory: As there.

    Returns:
        A new model with the architecture of `small`.

    Raises:
        DataError: An activation is not finite, or the data does not fit.

    Example:

    >>> small = reconstruct(model, graph, keep, slim(model, graph, keep), x, damping=1e-3)
    """
    damage = Damage.of(model, graph, keep, small, Sampling(data, batch_size=batch_size, limit=limit))
    return repair(Reconstruct(damping, places, memory), damage)[0]


@recovery("reconstruct")
@dataclass(frozen=True)
class Reconstruct:
    """Kernels and biases repay the loss by least squares.

    Layer by layer, in the order of execution, the kernel and the bias of every Dense and EinsumDense layer and every
    plain, grouped, depthwise, separable or transposed convolution that reads something that the cut has changed
    minimise the squared difference between what they make of the slimmed model's own activations and what the layer
    made in the model before, before its activation function: `min |P (W + D) + b + d - Y|^2 + damping * s * |D|^2`,
    where the rows of `P` are what the layer sees, `s` is the mean square of its columns, and the change `D`, `d` is
    zero where nothing is lost. Later layers see what the repaired ones put out, so errors do not add up. The normal
    equations are summed batch by batch.

    The bias of a layer without one goes into the moving mean of a batch norm that alone reads it. A layer whose output
    is added to what another branch has put out already aims at the sum, so that the last layer of a residual branch
    repays what the shortcut has lost as well. Of a separable convolution the pointwise part is solved for.

    Args:
        damping: How strongly kernels are held where they are, as a fraction of the mean square of a column; above 0.
        places: Positions of a sample whose rows are used at most, drawn at random; None for all. Neighbouring windows
            of a convolution say much the same.
        memory: MiB of activations that are held between layers; beyond it they are computed anew, which is slower.

    Reference:
        He, Zhang and Sun, Channel Pruning for Accelerating Very Deep Neural Networks, ICCV 2017, equation 5 and its
        section on networks with several branches; Luo et al., ThiNet, ICCV 2017, section 3.2. Both without damping.
    """

    damping: float = 1e-4
    places: int | None = 64
    memory: float = 1024

    def __post_init__(self):
        if not self.damping > 0:
            raise OptionError(f"`damping` must be above 0: 1e-4 is usual. Received: damping={self.damping!r}.")
        if self.places is not None and self.places < 1:
            raise OptionError(f"`places` must be at least 1, or None for all. Received: places={self.places!r}.")

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        return _repaired(damage, self.places, self.memory, lambda sums, movable: sums.change(self.damping, movable))


@recovery("bias")
@dataclass(frozen=True)
class RepayBias:
    """Biases take the mean of what is lost, as in `Reconstruct`; kernels stay.

    Args:
        places: As in `Reconstruct`.
        memory: As there.
    """

    places: int | None = 64
    memory: float = 1024

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        def change(sums: Sums, movable: bool) -> np.ndarray:
            return sums.mean_change() * movable

        return _repaired(damage, self.places, self.memory, change)


def _repaired(damage: Damage, places: int | None, memory: float, change) -> tuple[keras.Model, tuple[Repair, ...]]:
    before, after = damage.before.program, Program(damage.after.flat, damage.after.graph, apart=True)
    keep = damage.graph.complete(damage.keep)
    frontier = Frontier((before, after), damage.sampling, memory)
    repairs, touched = [], []
    for path in changed_layers(after, damage.graph, keep):
        reason = obstacle(after, path)
        if reason:
            repairs.append(Repair(path, None, None, reason))
            continue
        place = Place(path, before, after, damage.graph, keep)
        repairs.append(_repair(place, frontier, places, change))
        touched += place.touched
    new = damage.after.copy()
    found = operations(new)
    for path in touched:
        for source, target in zip(after.layers[path].weights, found[path].weights, strict=True):
            target.assign(keras.ops.copy(source))
    return new, tuple(repairs)


def _repair(place: Place, frontier: Frontier, places: int | None, change) -> Repair:
    part = place.part
    matrix, bias = part.matrix.astype("float32"), part.bias_row.astype("float32")
    sums = Sums(*part.shape)
    for number, (first, second) in enumerate(frontier.at(place.positions)):
        choose = partial(_chosen, most=frontier.samples(number) * places if places else None, seed=number)
        seen, target = place.evidence(first, second, choose)
        sums.add(seen, target, seen @ matrix + bias)
    found = change(sums, place.bias_is_movable)
    place.move(part.matrix + found[:, :-1], found[:, -1])
    unknowns = matrix.shape[1]
    note = f"{sums.count} rows for {unknowns} unknowns: held by the damping" if sums.count < unknowns else ""
    return Repair(place.path, sums.error(np.zeros_like(found)), sums.error(found), note)


def _chosen(positions: int, most: int | None, seed: int) -> np.ndarray:
    """The numbers of the positions of a batch that are used, in ascending order."""
    if most is None or positions <= most:
        return np.arange(positions)
    return np.sort(np.random.default_rng(seed).choice(positions, most, replace=False))
