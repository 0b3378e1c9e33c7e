"""Operations that take parts of an axis: where the axis carries channels, the bounds follow what is kept."""

import itertools

import keras
import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule("Split", behaviour="move")
def split(site: Site) -> list[Labels]:
    """The parts of a channel axis get their own channels; the places of the cuts follow."""
    axis = site.layer.axis % len(site.labels)
    channels, cuts = site.labels[axis], site.layer.indices_or_sections
    if channels is None:
        return [site.labels] * len(site.output_shapes)
    bounds = [0, *itertools.accumulate(shape[axis] for shape in site.output_shapes)]
    if not isinstance(cuts, int) and list(cuts) != bounds[1:-1]:
        return site.decline(f"{site.name} cuts the axis of these channels at {cuts}, which is not in order")
    if len(bounds) > 2:
        site.set("indices_or_sections", tuple(Count(channels[:cut]) for cut in bounds[1:-1]))
    parts = [channels[start:stop] for start, stop in itertools.pairwise(bounds)]
    return [(*site.labels[:axis], part, *site.labels[axis + 1 :]) for part in parts]


@rule("Unstack", behaviour="move")
def unstack(site: Site) -> list[Labels]:
    """Takes an axis apart; channels on it stay."""
    axis = site.layer.axis % len(site.labels)
    site.freeze((site.labels[axis],), f"{site.name} takes the axis of these channels apart")
    return [site.labels[:axis] + site.labels[axis + 1 :]] * len(site.output_shapes)


@rule("GetItem", behaviour="move")
def get_item(site: Site) -> Labels | list[Labels]:
    """Slices, numbers, new axes and an ellipsis; a channel that is picked by its number stays."""
    tensor, *key = keras.tree.flatten(site.arguments)
    if not all(item is None or item is Ellipsis or _is_plain(item) for item in key) or len(site.inputs) > 1:
        return site.decline(f"{site.name} is indexed by an array or a tensor")
    axes = iter(range(len(site.labels)))
    outputs: list[np.ndarray | None] = []
    used = sum(item is not None and item is not Ellipsis for item in key)
    for position, item in enumerate(key, 1):
        if item is None:
            outputs.append(None)
        elif item is Ellipsis:
            outputs += [site.labels[next(axes)] for _ in range(len(site.labels) - used)]
        elif isinstance(item, slice):
            outputs.append(_sliced(site, next(axes), item, position))
        else:
            _picked(site, next(axes), item, position)
    return (*outputs, *(site.labels[axis] for axis in axes))


@rule("Take", behaviour="move")
def take(site: Site) -> Labels | list[Labels]:
    """Picks places of an axis; channels on it stay, all other axes pass."""
    args, kwargs = site.arguments
    indices = args[1] if len(args) > 1 else kwargs["indices"]
    axis = site.layer.axis
    if axis is None or not args or not isinstance(args[0], keras.KerasTensor):
        return site.decline(f"{site.name} picks from all axes at once, or from a constant")
    axis %= len(site.labels)
    for labels in (site.labels[axis : axis + 1], *site.inputs[1:]):
        site.freeze(labels, f"{site.name} picks them by their place")
    new = (None,) * len(getattr(indices, "shape", np.shape(indices)))
    return (*site.labels[:axis], *new, *site.labels[axis + 1 :])


def _is_plain(item: object) -> bool:
    """Whether this is a number, or a slice of numbers."""
    if isinstance(item, slice):
        return all(
            bound is None or isinstance(bound, (int, np.integer)) for bound in (item.start, item.stop, item.step)
        )
    return isinstance(item, (int, np.integer)) and not isinstance(item, bool)


def _sliced(site: Site, axis: int, item: slice, position: int) -> np.ndarray | None:
    channels = site.labels[axis]
    if channels is None or item == slice(None):
        return channels
    start, stop, step = item.indices(len(channels))
    if step == 1:
        site.argument(position, slice(Count(channels[:start]), Count(channels[:stop])))
    elif item != slice(None, None, -1):
        site.freeze(channels, f"{site.name} takes every {step}. of these channels")
    return channels[item]


def _picked(site: Site, axis: int, item: int, position: int) -> None:
    channels = site.labels[axis]
    if channels is not None:
        item %= len(channels)
        site.freeze(channels[item : item + 1], f"{site.name} picks this channel by its number")
        site.argument(position, Count(channels[:item]))
