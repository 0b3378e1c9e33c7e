"""Operations that reduce axes: a sum reads the channels, most others freeze those that they reduce over."""

from collections.abc import Iterable

import numpy as np

from kerasprune.core import Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.rules.statistics import axes_of, reduced
from kerasprune.graph.site import Site


@rule("Any", "CountNonzero", "Nansum", "Sum", behaviour="channelwise")
def total(site: Site) -> Labels:
    """A channel that reads zero adds nothing to a sum."""
    site.read(*axes_of(site))
    return reduced(site, axes_of(site))


@rule("Norm", behaviour="channelwise")
def norm(site: Site) -> Labels:
    """Zero adds nothing to the length of a vector; other norms than the usual ones are not looked into."""
    return total(site) if site.layer.ord in (None, 1, 2, "fro", np.inf) and len(axes_of(site)) < 3 else reduction(site)


@rule("Normalize", behaviour="channelwise")
def normalize(site: Site) -> Labels:
    """Divides by the length of vectors, to which a channel that reads zero adds nothing."""
    site.read(*axes_of(site))
    return site.labels


@rule("Cumsum", behaviour="statistic")
def running_total(site: Site) -> Labels:
    """A channel that reads zero adds nothing to the sums at later places."""
    site.read(*axes_of(site))
    return site.labels if site.layer.axis is not None else _flat(site)


@rule("Argsort", "Cumprod", "Diff", "Nancumprod", "Sort", "Sparsemax", behaviour="channelwise")
def along(site: Site) -> Labels:
    """Mixes the entries of one axis: channels on it stay, all other axes pass."""
    if site.layer.axis is None:
        return _flat(site)
    _freeze(site, axes_of(site), "works along the axis of these channels")
    return tuple(None if axis in axes_of(site) else vector for axis, vector in enumerate(site.labels))


@rule("TopK", behaviour="channelwise")
def top(site: Site) -> list[Labels]:
    """Picks from the last axis: channels on it stay."""
    _freeze(site, (len(site.labels) - 1,), "picks from these channels")
    return [(*site.labels[:-1], None)] * 2


@rule(
    "All",
    "Amax",
    "Amin",
    "Argmax",
    "Argmin",
    "Logsumexp",
    "Max",
    "Median",
    "Min",
    "Nanmax",
    "Nanmean",
    "Nanmin",
    "Nanprod",
    "Nanstd",
    "Nanvar",
    "Prod",
    "Ptp",
    "Std",
    "Var",
    behaviour="channelwise",
)
def reduction(site: Site) -> Labels:
    """Reduces axes without channels; those with channels stay, because zero is not nothing here."""
    _freeze(site, axes_of(site), "reduces over these channels")
    return reduced(site, axes_of(site))


def _freeze(site: Site, axes: Iterable[int], what: str) -> None:
    for axis in axes:
        site.freeze((site.labels[axis],), f"{type(site.layer).__name__} {site.name} {what}")


def _flat(site: Site) -> Labels:
    """The labels of an output in which all axes are one."""
    _freeze(site, range(len(site.labels)), "works along all axes at once")
    return site.unlabelled()
