"""The plain model of the same shapes, with zeros in its weights."""

import warnings

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.graph import Call, Opened, Program, Rebuild, find_rule, layers_inside, operations, trained_like
from kerasprune.slimming.constants import zero_reads
from kerasprune.slimming.neuron_mask import NeuronMask
from kerasprune.slimming.opening import is_ours, with_masks, without_masks
from kerasprune.slimming.slim import masking


def strip(model: keras.Model) -> keras.Model:
    """Build the model of the same shapes that computes what `model` does in inference, with zeros for what is closed.

    A closed weight is zero in the kernel. Of a closed channel the weights that read it are zero. Where something
    without weights reads it, or where it leaves something else than a zero, as in front of a batch norm, a
    `NeuronMask` stays.

    Args:
        model: A model from `gate`, `sparsify` or `mask`, or one with gates, masks or sparse layers in it; it is not
            touched.

    Returns:
        The model, compiled if `model` is.

    Raises:
        GraphError: There is nothing to strip.

    Example:

    >>> from kerasprune import mask
    >>> strip(mask(model, keep)).count_params() == model.count_params()
    True
    """
    opened = Opened.of(model)
    if opened.gated is None and not is_ours(opened.flat) and not is_ours(model):
        raise GraphError(f"{model.name!r} has no gates, masks or sparse weights, so there is nothing to strip.")
    opened = with_masks(opened)
    for sentence in opened.remarks:
        warnings.warn(sentence, stacklevel=2)
    plain = opened.flat
    if opened.gated is not None:
        keep = opened.graph.complete(opened.gated)
        plain = Rebuild(opened.graph, silent=keep).run(plain, masking(opened.graph, keep))
    if any(isinstance(layer, NeuronMask) for layer in layers_inside(plain)):
        plain = _with_zeros(plain)
    return trained_like(plain, model)


def _with_zeros(model: keras.Model) -> keras.Model:
    """A copy in which weights that read zeros only are zero, without the masks that nothing needs then."""
    opened = Opened.of(model)
    graph, copy = opened.graph, opened.copy()
    found = operations(copy)
    zero = {opened.name(path): ids for path, ids in zero_reads(opened.runs.flat, opened.runs.graph).items()}
    silent: dict[str, np.ndarray] = {}
    for weight in graph.weights:
        for axis in weight.reads:
            ids = weight.axes[axis]
            if ids is None or axis in weight.inner or weight.layer not in zero:
                continue
            variable = found[weight.layer].weights[weight.index]
            shape = [-1 if other == axis else 1 for other in range(len(weight.shape))]
            stays = ~zero[weight.layer][ids]
            variable.assign(keras.ops.convert_to_numpy(variable) * stays.reshape(shape))
            silent.setdefault(weight.layer, np.zeros(graph.num_ids, bool))[ids] |= ~stays
    calls = Program(copy, graph).calls
    for call in calls:
        mask = found[call.path]
        if isinstance(mask, NeuronMask):
            labels = call.labels.inputs[0][mask.axis]
            if labels is not None:
                mask.keep = mask.keep | ~_needed_behind(call, labels, calls, graph, silent)[labels]
    return without_masks(copy, lambda mask: mask.keep.all())


def _needed_behind(
    mask: Call, own: np.ndarray, calls: list[Call], graph: ChannelGraph, silent: dict[str, np.ndarray]
) -> np.ndarray:
    """The ids that something behind a mask reads otherwise than with zeros in its weights: bool (num_ids,).

    Args:
        mask: The call of the mask.
        own: The ids along its axis.
        calls: Those of the model.
        graph: Its trace.
        silent: What each layer reads with zeros in its weights, bool (num_ids,), by its path.
    """
    needed = graph.frozen.copy()
    reached = {id(tensor) for tensor in mask.outputs}
    for call in calls:
        places = [place for place, tensor in enumerate(call.inputs) if id(tensor) in reached]
        for place in places:
            for axis in call.labels.reads[place]:
                ids = call.labels.inputs[place][axis]
                needed[ids] |= ~silent[call.path][ids] if call.path in silent else True
        rule = find_rule(call.operation)
        makes_others = rule is not None and rule.behaviour == "source"
        if places and (not makes_others or any(_passes(call, place, own) for place in places)):
            reached.update(id(tensor) for tensor in call.outputs)
    return needed


def _passes(call: Call, place: int, own: np.ndarray) -> bool:
    """Whether a call leaves an axis with some of these channels as it is, as a Dense does with all but the last one."""
    read = call.labels.reads[place]
    vectors = (vector for axis, vector in enumerate(call.labels.inputs[place]) if axis not in read)
    return any(vector is not None and np.isin(vector[vector > 0], own).any() for vector in vectors)
