"""Operations that reduce axes: a sum reads the channels, any other reduction over them freezes them."""

from kerasprune.core import Labels
from kerasprune.graph.registry import rule
from kerasprune.graph.site import Site


@rule("Sum", behaviour="channelwise")
def total(site: Site) -> Labels:
    """A channel that reads zero adds nothing to a sum."""
    site.read(*_axes(site))
    return _reduced(site)


@rule(
    "All",
    "Amax",
    "Amin",
    "Any",
    "Logsumexp",
    "Max",
    "Mean",
    "Median",
    "Min",
    "Prod",
    "Std",
    "Var",
    behaviour="channelwise",
)
def reduction(site: Site) -> Labels:
    """Reduces axes without channels; those with channels stay, because zero is not nothing here."""
    for axis in _axes(site):
        if site.labels[axis] is not None:
            site.freeze(site.labels[axis], f"{type(site.layer).__name__} {site.name} reduces over these channels")
    return _reduced(site)


def _axes(site: Site) -> tuple[int, ...]:
    rank, axis = len(site.labels), site.layer.axis
    if axis is None:
        return tuple(range(rank))
    return tuple(a % rank for a in ([axis] if isinstance(axis, int) else axis))


def _reduced(site: Site) -> Labels:
    axes = _axes(site)
    if getattr(site.layer, "keepdims", False):
        return tuple(None if axis in axes else vector for axis, vector in enumerate(site.labels))
    return tuple(vector for axis, vector in enumerate(site.labels) if axis not in axes)
