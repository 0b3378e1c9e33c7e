"""Functions that are told sizes: what they make of a tensor is what the operation with these sizes makes of it."""

from kerasprune.core import Count, Labels
from kerasprune.graph.at_sizes import OF_TENSOR, AtSizes
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule(AtSizes, behaviour="move")
def at_sizes(site: Site) -> Labels | list[Labels]:
    """Axes that keep their length keep their channels; of all else, sizes are read."""
    has_tensor = site.layer.function in OF_TENSOR
    for number, axis in site.layer.reads():
        site.freeze(site.inputs[number][axis : axis + 1], f"{site.name} reads how many of these channels there are")
    rank = len(site.output_shapes[0])
    if not has_tensor:
        return (None,) * rank
    labels, settings = (None,) * (rank - len(site.labels)) + site.labels, site.layer.settings
    if site.layer.function in ("repeat", "tile"):
        pairs = zip(labels, site.output_sizes[0], strict=True)
        changed = [vector for vector, size in pairs if vector is not None and len(vector) != size]
        site.freeze(changed, f"{site.name} repeats these channels")
        return tuple(None if any(vector is each for each in changed) else vector for vector in labels)
    if site.layer.function == "get_item":
        return site.decline(f"{site.name} takes a part whose bounds are sizes") if _any(site) else (None,) * rank
    outputs = []
    for vector, size in zip(labels, settings["shape"], strict=True):
        if vector is not None and size != len(vector):
            site.freeze(vector, f"{site.name} gives the axis of these channels another length")
            vector = None
        outputs.append(vector)
    pairs = zip(settings["shape"], outputs, strict=True)
    shape = [size if vector is None else Count(vector) for size, vector in pairs]
    if any(vector is not None for vector in outputs):
        site.set("settings", {**settings, "shape": shape})
    return tuple(outputs)


def _any(site: Site) -> bool:
    return any(vector is not None for vector in site.labels)
