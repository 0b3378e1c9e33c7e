"""Masks in the places where the channels that go are read."""

import warnings

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.graph import Opened, Rebuild, layers_inside, operations, trace, trained_like
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.slim import masking


def mask(model: keras.Model, keep: np.ndarray, graph: ChannelGraph | None = None) -> keras.Model:
    """Build the model of the same size in which a `NeuronMask` stands wherever a removed channel is read.

    It is an ordinary model: it trains, it is saved, and `slim` takes out what its masks remove. Until then channels can
    come back: by `layer.keep = ...` on a mask, by `set_masks`, or by the callback `Rerank`, which ranks the channels
    of every group anew and keeps as many as before.

    Args:
        model: The model; it is not touched.
        keep: bool (num_ids,), True = stays, over the ids of `trace(model)`.
        graph: Its trace; traced here where None.

    Returns:
        A model with the inputs and outputs of `model`, compiled with its settings where it is compiled.

    Raises:
        GraphError: The graph is that of another model, or `keep` does not fit it or empties a group.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    >>> masked = mask(model, np.array([True, False, True, True, True, True, True]))
    >>> [layer.keep.tolist() for layer in masked.layers if isinstance(layer, NeuronMask)]
    [[False, True, True, True]]
    """
    opened = Opened.of(model, graph)
    graph = opened.graph
    keep = graph.complete(keep)
    unseen = graph.read_inside & ~keep
    if unseen.any():
        names = ", ".join(group.name for group in graph.groups if unseen[group.ids].any())
        warnings.warn(f"No masks for {names}: their layers read these channels inside.", stacklevel=2)
    keep |= unseen
    return trained_like(Rebuild(graph).run(opened.flat, masking(graph, keep)), model)


def masked_ids(model: keras.Model, graph: ChannelGraph) -> dict[str, np.ndarray]:
    """The ids along the axis of every mask of a model, by the path of the mask: int (width,); 0 = not a channel.

    Args:
        model: A functional model.
        graph: Its trace.
    """
    found = operations(model)
    ids = {}
    for call in graph.calls:
        layer = found[call.operation]
        if isinstance(layer, NeuronMask):
            labels = call.inputs[0][layer.axis]
            ids[call.operation] = np.zeros(layer.factor.shape, int) if labels is None else labels
    return ids


def set_masks(model: keras.Model, keep: np.ndarray, graph: ChannelGraph | None = None) -> None:
    """Let the masks of a model keep what `keep` says of the channels in front of them.

    Args:
        model: A functional model with masks; their weights change.
        keep: bool (num_ids,), True = stays, over the ids of `trace(model)`.
        graph: Its trace; traced here where None.

    Raises:
        GraphError: There are no masks, or `keep` does not fit.
    """
    if not any(isinstance(layer, NeuronMask) for layer in layers_inside(model)):
        raise GraphError(f"{model.name!r} has no masks. Make some with `mask(model, keep)`.")
    graph = trace(model) if graph is None else graph
    keep, found = graph.complete(keep), operations(model)
    for path, ids in masked_ids(model, graph).items():
        found[path].keep = keep[ids]
