"""Recordings at two trial sizes of what a model leaves open, the batch among it, joined into one for all sizes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasprune.graph.at_sizes import OF_TENSOR, AtSizes
from kerasprune.graph.call import Call
from kerasprune.graph.creations import Creation
from kerasprune.graph.distance_masks import OpenSizeError, band, common_band
from kerasprune.graph.reshape_like import ReshapeLike

# The batch, and sizes of the open axes 1, 2, 3, ... of every tensor, in two trials, and in a third that checks what the
# two gave. The sizes are multiples of usual strides and windows, and no two axes of one trial have the same.
TRIALS = ((3, 48, 80, 112), (5, 96, 64, 32), (2, 64, 32, 48))
# The same for models in which all that is open has one size, as the two axes of a mask have that of the sequence.
ALIKE = ((3, 48), (5, 96), (2, 64))
# A length at which constants are compared with what the trials show of them: beyond the windows that models have, 4096
# at most as a rule.
LONG = 4608

_APART = object()


def at_trial(shape: Sequence[int | None], trial: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a stand-in for a tensor of this shape: the batch and the sizes of a trial for what is open."""
    batch, *sizes = trial
    pairs = enumerate(shape[1:])
    return (batch, *(sizes[axis % len(sizes)] if size is None else size for axis, size in pairs))


def have_sized_constants(first, second) -> bool:
    """Whether a constant of a layer's call has sizes that differ between two trials of it."""
    pairs = zip(first.calls, second.calls, strict=False)
    leaves = (zip(*(keras.tree.flatten(call.arguments) for call in pair), strict=False) for pair in pairs)
    return any(
        _is_array(one) and _is_array(other) and one.shape != other.shape for each in leaves for one, other in each
    )


def for_all_sizes(first, second):
    """The recording that is `first` at the sizes of one trial and `second` at those of another.

    Reshapes whose targets differ get a -1, or read the sizes of an input, as do slices, broadcasts and what is made of
    sizes alone. Anything else that differs is refused.

    Args:
        first: The recording of the first trial.
        second: The recording of the second trial, of the same call.

    Raises:
        OpenSizeError: The two make different calls, or a difference is not that of a reshape.
    """
    if len(first.calls) != len(second.calls):
        raise OpenSizeError("it makes other calls at other sizes")
    partners = dict(zip(map(id, first.inputs), second.inputs, strict=True))
    calls, known = [], list(first.inputs)
    for one, other in zip(first.calls, second.calls, strict=True):
        one, other, masks = with_masks(one, other, partners, known)
        calls += masks
        calls.append(_joined(one, other, partners, known))
        partners.update(zip(map(id, one.outputs), other.outputs, strict=True))
        known += one.outputs
    tensors = [*first.inputs, *(tensor for call in calls for tensor in call.outputs)]
    opened = {id(tensor): _opened(tensor, partners[id(tensor)]) for tensor in tensors}
    return replace(
        first,
        inputs=tuple(opened[id(tensor)] for tensor in first.inputs),
        calls=tuple(_with_tensors(call, opened) for call in calls),
        outputs=keras.tree.map_structure(lambda tensor: opened.get(id(tensor), tensor), first.outputs),
    )


def _opened(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """A tensor whose sizes are open where those of two trials differ."""
    if len(one.shape) != len(other.shape):
        raise OpenSizeError("it makes other calls at other sizes")
    shape = [size if size == also else None for size, also in zip(one.shape, other.shape, strict=True)]
    return keras.KerasTensor(shape, dtype=one.dtype, sparse=one.sparse)


def _with_tensors(call: Call, tensors: dict[int, keras.KerasTensor]) -> Call:
    return replace(
        call,
        inputs=tuple(tensors[id(tensor)] for tensor in call.inputs),
        outputs=tuple(tensors[id(tensor)] for tensor in call.outputs),
        arguments=call.fill(tensors),
    )


def _joined(one: Call, other: Call, partners: dict, known: Sequence[keras.KerasTensor]) -> Call:
    """One call for both; sizes that differ are those of tensors that are known before it."""
    sized = _at_sizes(one, other, partners, known)
    if sized is not None:
        return sized
    is_layer = isinstance(one.operation, keras.layers.Layer)
    same = one.operation is other.operation if is_layer else type(one.operation) is type(other.operation)
    leaves = [keras.tree.flatten(call.arguments) for call in (one, other)]
    if not same or len(leaves[0]) != len(leaves[1]):
        raise OpenSizeError("it makes other calls at other sizes")
    agreed = [_agreed(*pair, partners) for pair in zip(*leaves, strict=True)]
    if any(value is _APART for value in agreed):
        raise OpenSizeError(f"a constant that it gives to {type(one.operation).__name__} depends on the size")
    if any(value is not leaf for value, leaf in zip(agreed, leaves[0], strict=True)):
        one = replace(one, arguments=keras.tree.pack_sequence_as(one.arguments, agreed))
    if is_layer:
        return one
    settings = [_settings(call.operation) for call in (one, other)]
    targets = [each.pop("newshape", None) for each in settings]
    if repr(settings[0]) != repr(settings[1]):
        raise OpenSizeError(f"what it asks of {type(one.operation).__name__} depends on the size")
    return one if targets[0] == targets[1] else _reshape(one, other, partners, known)


def _agreed(one: object, other: object, partners: dict) -> object:
    """The argument that stands for the same one of two recordings.

    A constant that is the same all along an axis whose length depends on the size has one entry there, to be spread.
    """
    if isinstance(one, keras.KerasTensor):
        return one if partners.get(id(one)) is other else _APART
    if not hasattr(one, "shape") or not hasattr(other, "shape"):
        return one if type(one) is type(other) and repr(one) == repr(other) else _APART
    arrays = [keras.ops.convert_to_numpy(value) for value in (one, other)]
    if arrays[0].ndim != arrays[1].ndim:
        return _APART
    differ = [axis for axis in range(arrays[0].ndim) if arrays[0].shape[axis] != arrays[1].shape[axis]]
    spread = [_spread(array, differ) for array in arrays]
    if not np.array_equal(*spread):
        return _APART
    return keras.ops.convert_to_tensor(spread[0], one.dtype) if differ else one


def _spread(array: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """The first entry along the axes on which all entries are the same."""
    for axis in axes:
        first = np.take(array, [0], axis) if array.shape[axis] else array
        array = first if (array == first).all() else array
    return array


def _settings(operation: keras.Operation) -> dict:
    return {key: value for key, value in vars(operation).items() if key != "name" and not key.startswith("_")}


def _reshape(one: Call, other: Call, partners: dict, known: Sequence[keras.KerasTensor]) -> Call:
    """A reshape in which the sizes that differ follow from all others, or from those of an input."""
    (given,), (made,) = one.inputs, one.outputs
    pairs = list(zip(made.shape, other.outputs[0].shape, strict=True))
    differ = {axis for axis, (size, also) in enumerate(pairs) if size != also}
    shape = tuple(-1 if axis in differ else size for axis, (size, _) in enumerate(pairs))
    if pairs[0] == (given.shape[0], other.inputs[0].shape[0]) and len(differ) <= 2:
        return replace(one, operation=keras.layers.Reshape(shape[1:], name="reshape"))
    if len(differ) == 1:
        return replace(one, operation=type(one.operation)(shape))
    for tensor in known:
        sizes = list(zip(tensor.shape, partners[id(tensor)].shape, strict=True))
        found = {axis: sizes.index(pairs[axis]) for axis in sorted(differ) if pairs[axis] in sizes}
        if len(differ) - len(found) <= 1:
            target = [None if axis in found else size for axis, size in enumerate(shape)]
            layer = ReshapeLike(target, list(found.values()), name="reshape_like")
            return replace(one, operation=layer, inputs=(given, tensor), arguments=(([given, tensor],), {}))
    raise OpenSizeError("a reshape needs several sizes that are not those of a tensor before it")


def without_creations(recording):
    """The recording, in which layers of ours make the tensors that are made of numbers alone."""
    calls = [_at_sizes(call, call, {}, recording.inputs) or call for call in recording.calls]
    return replace(recording, calls=tuple(calls))


def with_masks(one: Call, other: Call, partners: dict, known: Sequence) -> tuple[Call, Call, list[Call]]:
    """The calls with tensors in the place of constants that are masks by distance, and the calls that make these.

    Args:
        one: A call of the first trial.
        other: The same of the second trial.
        partners: The tensors of the second trial by the `id` of those of the first; those made here are added.
        known: Tensors of the first trial that are known before the call; those made here are added.
    """
    leaves = [keras.tree.flatten(call.arguments) for call in (one, other)]
    made: list[Call] = []
    for place, pair in enumerate(zip(*leaves, strict=False)):
        described = [band(leaf) if hasattr(leaf, "dtype") and not _is_symbolic(leaf) else None for leaf in pair]
        if pair[0] is pair[1] or None in described or described[0]["rows"] == described[1]["rows"]:
            continue
        settings = [common_band(*described), {**common_band(*described), **_sizes_of(described[1])}]
        shapes = [(*(1,) * each["lead"], each["rows"], each["columns"]) for each in settings]
        tensors = [keras.KerasTensor(shape, dtype=settings[0]["dtype"]) for shape in shapes]
        anchors: list[keras.KerasTensor] = []
        layer = AtSizes("banded", _template(*settings, partners, known, anchors), name="banded")
        made.append(Call("banded", "banded", layer, tuple(anchors), (tensors[0],), ((anchors,), {})))
        partners[id(tensors[0])] = tensors[1]
        known.append(tensors[0])
        leaves[0][place], leaves[1][place] = tensors
    if not made:
        return one, other, made
    packed = [
        keras.tree.pack_sequence_as(call.arguments, each) for call, each in zip((one, other), leaves, strict=True)
    ]
    changed = [
        replace(call, arguments=each, inputs=_tensors(each)) for call, each in zip((one, other), packed, strict=True)
    ]
    return changed[0], changed[1], made


def _sizes_of(settings: dict) -> dict:
    return {name: settings[name] for name in ("rows", "columns")}


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and not _is_symbolic(value)


def _is_symbolic(value: object) -> bool:
    return isinstance(value, keras.KerasTensor)


def _tensors(arguments) -> tuple[keras.KerasTensor, ...]:
    return tuple(filter(_is_symbolic, keras.tree.flatten(arguments)))


def _at_sizes(one: Call, other: Call, partners: dict, known: Sequence[keras.KerasTensor]) -> Call | None:
    """The call of a layer that is told the sizes by tensors; None where the calls are not of that kind."""
    if type(one.operation) is not type(other.operation) or isinstance(one.operation, keras.layers.Layer):
        return None
    described = [_described(call) for call in (one, other)]
    if described[0] is None or described[1] is None or described[0][0] != described[1][0]:
        return None
    function, settings = described[0]
    differs = repr(settings) != repr(described[1][1])
    if function in OF_TENSOR and (not differs or partners.get(id(one.inputs[0])) is not other.inputs[0]):
        return None
    anchors: list[keras.KerasTensor] = [one.inputs[0]] if function in OF_TENSOR else []
    template = _template(settings, described[1][1], partners, known, anchors) if differs else settings
    anchors = anchors or [known[0]]
    return replace(
        one,
        operation=AtSizes(function, template, name=function),
        inputs=tuple(anchors),
        arguments=((anchors,), {}),
    )


def _described(call: Call) -> tuple[str, dict] | None:
    """The function of `AtSizes` that a call stands for, with its settings; None where there is none."""
    operation, (args, kwargs) = call.operation, call.arguments
    if isinstance(operation, Creation):
        return operation.function, operation.settings
    if len(call.inputs) != 1 or not args or args[0] is not call.inputs[0]:
        return None
    kind = type(operation).__name__
    if kind == "BroadcastTo":
        return "broadcast_to", {"shape": list(operation.shape)}
    if kind == "Repeat" and isinstance(operation.axis, int) and isinstance(operation.repeats, int):
        return "repeat", {"repeats": operation.repeats, "axis": operation.axis}
    if kind == "Tile" and isinstance(operation.repeats, (list, tuple)):
        return "tile", {"repeats": list(operation.repeats)}
    if kind == "Slice":
        start = args[1] if len(args) > 1 else kwargs["start_indices"]
        return "slice", {"shape": list(operation.shape), "start": list(start)}
    if kind == "GetItem" and isinstance(args[1], tuple) and all(map(_is_bound, args[1])):
        key = [[item.start, item.stop, item.step] if isinstance(item, slice) else item for item in args[1]]
        return "get_item", {"key": key}
    return None


def _is_bound(item: object) -> bool:
    return item is None or isinstance(item, (int, slice))


def _template(one, other, partners: dict, known: Sequence, anchors: list) -> Any:
    """Settings with the places of sizes for what differs between two trials; tensors that have these are added."""
    if isinstance(one, dict):
        return {key: _template(one[key], other[key], partners, known, anchors) for key in one}
    if isinstance(one, (list, tuple)) and len(one) == len(other):
        return [_template(*pair, partners, known, anchors) for pair in zip(one, other, strict=True)]
    if one == other:
        return one
    if isinstance(one, int) and isinstance(other, int):
        for tensor in known:
            partner = partners[id(tensor)]
            for axis, (size, also) in enumerate(zip(tensor.shape, partner.shape, strict=False)):
                if size != also and one - size == other - also:
                    if not any(tensor is each for each in anchors):
                        anchors.append(tensor)
                    number = next(place for place, each in enumerate(anchors) if each is tensor)
                    return {"input": number, "axis": axis, "plus": one - size}
    raise OpenSizeError("a number that it computes with is not a size of a tensor before it")
