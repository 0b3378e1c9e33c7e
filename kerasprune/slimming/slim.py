"""The slimmed model, and the masked model that it must equal."""

import warnings
from dataclasses import replace

import keras
import numpy as np

from kerasprune.core import ChannelGraph, name_of, silence
from kerasprune.evidence.reads import at_reads
from kerasprune.graph import AtCall, Call, Execution, Opened, Read, Rebuild, operations, trained_like
from kerasprune.slimming.dead import Alive, without_dead
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.opening import is_ours, with_masks


def slim(model: keras.Model, graph: ChannelGraph | None = None, keep: np.ndarray | None = None) -> keras.Model:
    """Build a new, smaller model of stock layers in which the channels that are not kept do not exist.

    It computes the same function as `masked(model, graph, keep)`, and where these are not given the same as `model` in
    inference. Gates and masks are read wherever they stand: channels that read zero behind them are cut out; constants
    that they leave, in front of a batch norm for instance, move into the next bias where that is exact; and where some
    reader needs a channel all the same, a `NeuronMask` stays in the place of the gate, with a warning that says why.

    Where no stock layer can, one of this package does: `graph.ours` names these. Names, nesting, dtype policies,
    `trainable` flags, initializers, regularizers and the names of inputs and outputs are those of `model`; a compiled
    model gives a compiled one, with a fresh optimizer.

    Args:
        model: The model to slim; it is not touched.
        graph: Its trace, or that of a model that differs in its weights only; traced here where None.
        keep: bool (num_ids,), True = stays. Ids of frozen groups stay whatever it says, and gates and masks that
            somebody has placed are cut like any layer. None keeps what the gates of a model from `gate` keep; of any
            other model everything but dead channels: those that masks, gates or zeros in the weights silence, and
            constants that can move into the next bias. Without such zeros that is everything.

    Raises:
        GraphError: The graph is that of another model, or `keep` does not fit it or empties a group.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    >>> graph = trace(model)
    >>> keep = graph.keep_all()
    >>> keep[graph.groups[0].ids[:3]] = False
    >>> slim(model, graph, keep).layers[0].units
    1
    """
    opened = Opened.of(model, graph)
    if keep is not None:
        return opened.cut(keep).model
    opened = with_masks(opened)
    alive = shrink(opened)
    for sentence in (*opened.remarks, *(f"`{path}`: {why}." for path, why in alive.masks.items())):
        warnings.warn(sentence, stacklevel=2)
    return trained_like(alive.model, model)


def shrink(opened: Opened) -> Alive:
    """What an opened model is without all that its gates and masks remove, and without what is dead."""
    if opened.gated is None:
        return without_dead(opened)
    keep = opened.graph.complete(opened.gated)
    small = opened.cut(keep)
    if not is_ours(small.flat):
        return Alive(small.flat, keep)
    alive = without_dead(small)
    keep[np.flatnonzero(keep)[~alive.keep]] = False
    return replace(alive, keep=keep)


def masked(model: keras.Model, graph: ChannelGraph, keep: np.ndarray) -> keras.Model:
    """Build the model of the same size in which everything that reads a removed channel reads zero.

    Layers in `graph.inexact` do not see removed channels at all: they normalise the others among themselves, as in the
    slimmed model. With `dataclasses.replace(graph, inexact={})` they read zero, too; see `measure_inexact`.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        keep: bool (num_ids,), True = stays.

    Returns:
        A new model of stock layers and `NeuronMask`s.

    Raises:
        GraphError: As in `slim`.

    Example:

    >>> expected = masked(model, graph, keep).predict(x, verbose=0)
    >>> np.allclose(slim(model, graph, keep).predict(x, verbose=0), expected, atol=1e-5)
    True
    """
    keep = graph.complete(keep)
    return Rebuild(graph, silent=keep).run(Opened.of(model, graph).flat, masking(graph, keep))


def run_masked(opened: Opened, keep: np.ndarray, x) -> tuple[list, dict[str, list]]:
    """What `masked` computes, by the layers of the model itself: nothing is built, so no mistake in copying can hide.

    Args:
        opened: The model.
        keep: bool (num_ids,), completed.
        x: Inputs.

    Returns:
        As from `Execution.run`.
    """
    graph, layers = opened.graph, operations(opened.flat)
    rebuild = Rebuild(graph, silent=keep)
    others, weights = {}, {}
    for call in graph.calls:
        if call.operation in graph.inexact:
            shape = layers[call.operation].get_build_config()["input_shape"]
            kept = np.count_nonzero(keep[call.inputs[0][-1]])
            others[call.operation] = rebuild.layer(opened.flat, call.operation, (*shape[:-1], int(kept)))
    for weight in graph.weights:
        if any(weight.axes[axis] is not None and not keep[weight.axes[axis]].all() for axis in weight.inner):
            value = keras.ops.convert_to_numpy(layers[weight.layer].weights[weight.index])
            silenced = silence(value, weight.axes, weight.inner, keep)
            weights[weight.layer, weight.index] = keras.ops.convert_to_tensor(silenced)
    return Execution(masking(graph, keep), graph, others, weights).run(opened.flat, x)


def masking(graph: ChannelGraph, keep: np.ndarray) -> AtCall:
    """What is done at every call to put a `NeuronMask` on every axis on which removed channels are read."""

    def at_read(read: Read) -> keras.KerasTensor:
        stays = keep[read.labels]
        if stays.all():
            return read.tensor
        name = f"{name_of(read.call.key)}_mask_{read.place}_{read.axis}"
        return NeuronMask(stays, read.axis, name=name)(read.tensor)

    def around(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        if call.labels is None or call.path not in graph.inexact:
            return None
        return _among_the_kept(operation, args[0], keep[call.labels.inputs[0][-1]])

    return at_reads(at_read, around)


def _among_the_kept(operation, tensor, stays: np.ndarray):
    """The operation on the kept channels alone, with zeros in the places of the others; channels on the last axis."""
    kept = keras.ops.take(tensor, np.flatnonzero(stays), axis=-1)
    places = np.eye(len(stays))[stays]  # (kept, channels)
    return keras.ops.matmul(operation(kept), keras.ops.convert_to_tensor(places, tensor.dtype))
