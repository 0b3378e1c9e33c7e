"""Layers around a layer: the rule of the one inside speaks for its weights and channels."""

import keras

from kerasprune.core import Labels
from kerasprune.graph.part import Part
from kerasprune.graph.rule import find_rule, rule
from kerasprune.graph.site import Site

layers = keras.layers


@rule(layers.TimeDistributed, behaviour="composite")
def time_distributed(site: Site) -> Labels | list[Labels]:
    """The layer inside sees one step after the other; the axis of the steps carries no channels."""
    site.freeze((site.labels[1],), f"{site.name} runs along the axis of these channels")
    site.freeze([vector for labels in site.inputs[1:] for vector in labels], f"they mask {site.name}")
    return inside(site, without=1, times=site.sizes[0][1])


@rule(layers.SpectralNormalization, behaviour="composite")
def spectral_normalization(site: Site) -> Labels | list[Labels]:
    """The layer inside, with one more vector along the last axis of its kernel, which training uses.

    Training divides the kernel by its largest singular value; that of the smaller kernel is another one.
    """
    outputs = inside(site)
    axes = site.labels_of(site.layer.kernel)
    if axes is not None:
        site.weight(site.layer.vector_u, (None, axes[-1]))
    return outputs


def inside(site: Site, **position) -> Labels | list[Labels]:
    """What the rule of the layer inside says; `position` is that of a `Part`."""
    inner = site.layer.layer
    known = find_rule(inner)
    if known is None:
        return site.decline(f"{site.name} wraps a {type(inner).__name__}, for which there is no rule")
    part = Part(site, inner, "layer/config/", **position)
    outputs = known.function(part)
    return [part.leave(labels) for labels in (outputs if isinstance(outputs, list) else [outputs])]
