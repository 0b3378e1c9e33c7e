"""Weights that a layer computes with itself."""

from kerasprune.core import Count, Labels
from kerasprune.graph.own_weight import OwnWeight
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule(OwnWeight)
def own_weight(site: Site) -> Labels:
    """Every axis may carry channels: the operations that read the weight tie its ids to theirs, or fix them."""
    weight = site.layer.weight
    axes = site.labels_of(weight)
    if axes is None:
        axes = tuple(site.make(size, loose=True) if size > 1 else None for size in weight.shape)
        site.weight(weight, axes)
        site.ours("an OwnWeight of kerasprune holds this weight, because no stock layer can")
        pairs = zip(axes, weight.shape, strict=True)
        site.set("shape", tuple(size if vector is None else Count(vector) for vector, size in pairs))
    rank = len(site.output_shapes[0])
    args, kwargs = site.arguments
    for_samples = (args[1] if len(args) > 1 else kwargs.get("rank")) is not None
    return (None, *axes[len(axes) + 1 - rank :]) if for_samples else axes
