"""The call of a layer that is made of Keras layers and operations, recorded as calls of these parts."""

import contextlib
import dataclasses
import functools
import inspect
import math
from collections.abc import Sequence

import keras
import numpy as np

from kerasprune.graph.call import Call, run, symbolic_leaves
from kerasprune.graph.creations import constant_tensor, is_constant, recorded_creations
from kerasprune.graph.givers import Givers, UnlikeUseError, put_weight_tensors
from kerasprune.graph.open_sizes import (
    ALIKE,
    LONG,
    TRIALS,
    OpenSizeError,
    at_trial,
    for_all_sizes,
    have_sized_constants,
    without_creations,
)
from kerasprune.graph.recording import RecordError, Recording, UnheldWeightError, first_line
from kerasprune.graph.symbolic_parts import symbolic_parts
from kerasprune.graph.walk import calls_between, layers_inside


def record(layer: keras.layers.Layer, args: tuple, kwargs: dict, givers: Givers | None = None) -> Recording:
    """Run `layer.call` on stand-ins for its tensors and list the calls that it makes.

    The layer and its parts are left as they were. A call that needs to know the batch size, or a size that the model
    leaves open, is recorded at two sizes, and what the two have in common is compared with the layer at a third.
    Weights that the layer itself holds are inputs of its operations, given by layers that hold them.

    Args:
        layer: A built layer or model.
        args: The positional arguments of the call, with `KerasTensor`s. kwargs: the others.
        givers: The layers that hold weights of layers recorded so far, to which those of this one are added.

    Raises:
        RecordError: The call does more than to call Keras layers and operations, or not the same in training.
    """
    _refuse_state(layer, args, kwargs)
    kwargs, givers = _taken(layer, kwargs), givers or Givers()
    try:
        return _at_one_size(layer, args, kwargs, givers)
    except RecordError:  # it needs to know a size
        pass
    shapes = [tensor.shape for tensor in symbolic_leaves((args, kwargs))]
    open_axes = [axis for shape in shapes for axis, size in enumerate(shape) if axis and size is None]
    ways = [(TRIALS, True), (TRIALS, False)] if open_axes else [(TRIALS, False), (TRIALS, True)]
    ways += [(ALIKE, True), (ALIKE, False)] if any(axis > 1 for axis in open_axes) else []
    for trials, creations in ways[:-1]:
        with contextlib.suppress(RecordError):
            return _at_two_sizes(layer, args, kwargs, givers, trials, creations)
    return _at_two_sizes(layer, args, kwargs, givers, *ways[-1])


def _at_one_size(layer, args, kwargs, givers) -> Recording:
    """The recording of a call that need not know the batch size; of one on constants, if need be, that makes them."""
    try:
        recording = _record_twice(layer, args, kwargs, givers)
    except UnheldWeightError:  # a part may be called on a constant
        with recorded_creations():
            recording = _record_twice(layer, args, kwargs, givers)
    recording = without_creations(recording)
    return dataclasses.replace(recording, calls=tuple(map(_without_batch, recording.calls)))


def _at_two_sizes(layer, args, kwargs, givers, trials, creations: bool) -> Recording:
    """The recording of a call that needs to know sizes, with what it makes of these where `creations`."""
    unknown = "the batch size" if _sizes_are_known((args, kwargs)) else "sizes that the model leaves open"
    recorded = functools.partial(_recorded_at, layer, args, kwargs, givers, creations)
    pair = [recorded(trial) for trial in trials[:2]]
    try:
        recording = for_all_sizes(*pair)
        if have_sized_constants(*pair):
            _compare_when_long(pair[0], recorded, trials, symbolic_leaves((args, kwargs)))
    except OpenSizeError as error:
        raise RecordError(f"its calls depend on {unknown}: {error}") from error
    _compare_at_sizes(layer, recording, args, kwargs, trials[2], unknown)
    return recording


def _recorded_at(layer, args, kwargs, givers, creations: bool, trial: tuple[int, ...]) -> Recording:
    with recorded_creations() if creations else contextlib.nullcontext():
        return _record_twice(layer, args, kwargs, givers, trial)


def _compare_when_long(first: Recording, recorded, trials, tensors: Sequence[keras.KerasTensor]) -> None:
    """Make sure that constants go on as two trials show them: a window may be wider than these.

    Args:
        first: The recording of the first trial.
        recorded: From a trial to its recording.
        trials: Those of the recording.
        tensors: The arguments of the call. Where several axes are open, and apart, nothing is compared: constants over
            all of them would be as large as the square of their product.

    Raises:
        OpenSizeError: They do not, up to `LONG`.
    """
    axes = {axis for tensor in tensors for axis, size in enumerate(tensor.shape) if axis and size is None}
    if not axes or len(axes) > 1 and trials is not ALIKE:
        return
    try:
        long = recorded((trials[1][0], LONG))
    except RecordError:  # it takes no such length
        return
    for_all_sizes(first, long)


def _taken(layer: keras.layers.Layer, kwargs: dict) -> dict:
    """The arguments without `training`, where `call` does not take it: Keras leaves it out, too."""
    parameters = inspect.signature(layer.call).parameters.values()
    takes = any(each.name == "training" or each.kind is each.VAR_KEYWORD for each in parameters)
    return kwargs if takes else {name: value for name, value in kwargs.items() if name != "training"}


def _refuse_state(layer, args, kwargs) -> None:
    if not layer.built:
        raise RecordError("it is not built; call the model once on data")
    if layer.activity_regularizer is not None:
        raise RecordError("it has an activity regularizer")
    if any(getattr(leaf, "_keras_mask", None) is not None for leaf in keras.tree.flatten((args, kwargs))):
        raise RecordError("its input carries a mask, which its parts could treat otherwise")


def _record_twice(layer, args, kwargs, givers, trial=None) -> Recording:
    """The recording for inference, after checking that training makes the same calls."""
    takes_training = "training" in inspect.signature(layer.call).parameters
    if not takes_training or kwargs.get("training") is not None:
        return _record(layer, args, kwargs, givers, trial)
    recording = _record(layer, args, {**kwargs, "training": None}, givers, trial)
    try:
        in_training = _record(layer, args, {**kwargs, "training": True}, givers, trial)
    except RecordError as error:
        raise RecordError(f"it computes otherwise in training: {error}") from error
    held = {id(part) for part in layers_inside(layer)}
    if _outline(recording, held) != _outline(in_training, held):
        raise RecordError("it computes otherwise in training")
    return recording


def _record(layer, args, kwargs, givers, trial) -> Recording:
    stand_ins = []

    def stand_in(leaf):
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        dtype = layer.input_dtype if needs_cast(layer, leaf) else leaf.dtype
        shape = (None, *leaf.shape[1:]) if trial is None else at_trial(leaf.shape, trial)
        stand_ins.append(keras.KerasTensor(shape, dtype=dtype, sparse=leaf.sparse))
        return stand_ins[-1]

    args, kwargs = keras.tree.map_structure(stand_in, (args, kwargs))
    inlined: set[int] = set()
    while True:
        known = len(inlined)
        try:
            scope, weights, found, outputs = _called(layer, args, kwargs, stand_ins, inlined)
            break
        except RecordError:
            if len(inlined) == known:
                raise
    _refuse_weights(scope, found)
    found = _with_givers(layer, weights, stand_ins, found, outputs, givers)
    return Recording(tuple(stand_ins), tuple(found), outputs)


def _called(layer, args, kwargs, stand_ins: list, inlined: set[int]) -> tuple:
    """What the call of a layer reads, its own weights, the calls that it makes, and what it returns."""
    with symbolic_parts(layer, inlined), _ReadWeights() as scope:
        weights = put_weight_tensors(layer)
        try:
            outputs = layer.call(*args, **kwargs)
        except Exception as error:  # the user's code may raise anything
            raise RecordError(f"its call fails on symbolic tensors ({first_line(error)})") from error
        outputs = keras.tree.map_structure(lambda x: constant_tensor(x) if is_constant(x) else x, outputs)
        _refuse_outputs(outputs)
        return scope, weights, calls_between([*stand_ins, *weights], keras.tree.flatten(outputs)), outputs


def _with_givers(layer, weights, inputs, calls, outputs, givers: Givers) -> list[Call]:
    if not inputs:
        raise RecordError("it is called on no tensor")
    try:
        return givers.give(layer, weights, inputs, calls, keras.tree.flatten(outputs))
    except UnlikeUseError as error:
        raise RecordError(str(error)) from error


def stand_in_calls(
    layer: keras.layers.Layer, args: tuple, kwargs: dict, weights_too: bool
) -> tuple[list[keras.KerasTensor], list[Call]]:
    """The calls that a layer makes of its parts, whatever they use, for what they cost.

    Args:
        layer: A layer; it is left as it was.
        args: The positional arguments of the call, with `KerasTensor`s of known shapes. kwargs: the others.
        weights_too: Whether the weights among its attributes are tensors, so that what is made of weights alone counts.

    Returns:
        The tensors that no call makes, and the calls in the order of execution.

    Raises:
        RecordError: The call fails on symbolic tensors.
    """
    given = symbolic_leaves((args, kwargs))
    with symbolic_parts(layer), keras.StatelessScope():
        if weights_too:
            held = {name: value for name, value in vars(layer).items() if isinstance(value, keras.Variable)}
            tensors = {name: keras.KerasTensor(value.shape, dtype=layer.compute_dtype) for name, value in held.items()}
            vars(layer).update(tensors)
            given += tensors.values()
        try:
            outputs = layer.call(*args, **_taken(layer, kwargs))
        except Exception as error:  # the user's code may raise anything
            raise RecordError(first_line(error)) from error
        made = symbolic_leaves(outputs)
        return given, calls_between(given, made)


def _without_batch(call: Call) -> Call:
    """The call, with a reshape that takes any batch in place of one that was told None for its size."""
    shape = getattr(call.operation, "newshape", None)
    if shape is not None and shape[0] is None and call.inputs[0].shape[0] is None:
        rest = _with_one_open(shape[1:])
        if _keeps_batch(call.inputs[0].shape[1:], rest):
            return dataclasses.replace(call, operation=keras.layers.Reshape(rest, name="reshape"))
        if -1 not in rest:
            return dataclasses.replace(call, operation=type(call.operation)((-1, *rest)))
        raise RecordError(f"Reshape to {shape} needs to know a size")
    for given in vars(call.operation).values() if not isinstance(call.operation, keras.layers.Layer) else ():
        if isinstance(given, (tuple, list)) and None in given:
            raise RecordError(f"{type(call.operation).__name__} is given a size that is not known: {given}")
    return call


def _keeps_batch(given: tuple, target: tuple) -> bool:
    """Whether a reshape to this target, both without the first axis, leaves the first axis what it is.

    It does not where samples and another axis had become one before.
    """
    known = [math.prod(size for size in sizes if size not in (None, -1)) for sizes in (given, target)]
    if None in given:
        return given.count(None) == target.count(-1) and known[0] == known[1]
    return known[0] == known[1] and -1 not in target or -1 in target and known[0] > known[1]


def _with_one_open(shape: tuple) -> tuple:
    """A target shape with -1 for the one size that is not known."""
    if shape.count(None) + shape.count(-1) > 1:
        raise RecordError(f"Reshape is given several sizes that are not known: {shape}")
    return tuple(-1 if size is None else size for size in shape)


def _refuse_outputs(outputs) -> None:
    for leaf in keras.tree.flatten(outputs):
        if not isinstance(leaf, keras.KerasTensor):
            raise RecordError(f"its call returns a {type(leaf).__name__} that does not depend on its inputs")
        if getattr(leaf, "_keras_mask", None) is not None:
            raise RecordError("its output carries a mask")


def _refuse_weights(scope: "_ReadWeights", found: list[Call]) -> None:
    """A weight that no part holds would become a constant."""
    leaves = [leaf for call in found for leaf in keras.tree.flatten(call.arguments)]
    weights = scope.read + [leaf for leaf in leaves if isinstance(leaf, keras.Variable)]
    if weights:
        raise UnheldWeightError(f"its call uses the weight `{weights[0].name}` outside of a layer")


def needs_cast(layer: keras.layers.Layer, tensor: keras.KerasTensor) -> bool:
    """Whether the layer converts this input to the dtype that it computes with."""
    is_float = keras.backend.is_float_dtype(tensor.dtype)
    return layer.autocast and is_float and keras.backend.standardize_dtype(tensor.dtype) != layer.input_dtype


class _ReadWeights(keras.StatelessScope):
    """Nothing changes a variable here, and those whose values are read are noted."""

    def __init__(self):
        super().__init__()
        self.read: list[keras.Variable] = []

    def get_current_value(self, variable):
        self.read.append(variable)
        return super().get_current_value(variable)


def _outline(recording: Recording, held: set[int]) -> list:
    """What two recordings have in common that make the same calls, but for the argument `training`.

    Args:
        recording: One of them.
        held: The `id` of the layers that are the same ones in both; others are made anew in every call.
    """
    number = {id(tensor): place for place, tensor in enumerate(recording.inputs)}
    lines = []
    for call in recording.calls:
        args, kwargs = call.arguments
        kwargs = {name: value for name, value in kwargs.items() if name != "training"}
        leaves = [number.get(id(leaf), repr(leaf)) for leaf in keras.tree.flatten((args, kwargs))]
        lines.append((_identity(call.operation, held), leaves))
        for tensor in call.outputs:
            number[id(tensor)] = len(number)
    return [*lines, [number.get(id(tensor)) for tensor in keras.tree.flatten(recording.outputs)]]


def _identity(operation: keras.Operation, held: set[int]) -> object:
    """What tells an operation from others: which one it is, or how it is made."""
    if not isinstance(operation, keras.layers.Layer):
        return type(operation).__name__
    if id(operation) in held or operation.weights:
        return id(operation)
    return type(operation).__name__, repr({**operation.get_config(), "name": None})


def _sizes_are_known(arguments) -> bool:
    return all(None not in tensor.shape[1:] for tensor in symbolic_leaves(arguments))


def _compare_at_sizes(layer, recording: Recording, args, kwargs, trial: tuple[int, ...], unknown: str) -> None:
    rng = np.random.default_rng(0)
    given = symbolic_leaves((args, kwargs))
    arrays = [
        _random(rng, at_trial(own.shape, trial), tensor.dtype)
        for own, tensor in zip(given, recording.inputs, strict=True)
    ]
    left = iter(arrays)
    args, kwargs = keras.tree.map_structure(
        lambda leaf: next(left) if isinstance(leaf, keras.KerasTensor) else leaf, (args, kwargs)
    )
    try:
        env = run(recording.calls, dict(zip(map(id, recording.inputs), arrays, strict=True)))
        expected = keras.tree.flatten(layer(*args, **kwargs))
        actual = [env[id(tensor)] for tensor in keras.tree.flatten(recording.outputs)]
        same = all(np.allclose(*map(_array, pair), rtol=1e-4, atol=1e-4) for pair in zip(expected, actual, strict=True))
    except Exception as error:  # a size of one trial was written into a call
        raise RecordError(f"its calls depend on {unknown} ({first_line(error)})") from error
    if not same:
        raise RecordError(f"its calls depend on {unknown}")


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: str):
    values = rng.standard_normal(shape) if keras.backend.is_float_dtype(dtype) else rng.integers(0, 2, shape)
    return keras.ops.convert_to_tensor(values, dtype=dtype)


def _array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor).astype("float64")
