"""The class that a user has given to a functional model, because it trains in a way of its own."""

import functools
import inspect
import types
import warnings

import keras

from kerasprune.graph.rebuild import compile_like
from kerasprune.graph.structural_copy import is_plain
from kerasprune.graph.walk import as_inputs, as_outputs, attributes, calls_of, is_graph

# What a class of models may do in a way of its own beside its call.
_TRAINING = (
    "compile compute_loss compute_metrics fit evaluate predict train_step test_step predict_step "
    "make_train_function make_test_function make_predict_function"
).split()
_GIVEN = ("self", "inputs", "outputs", "layers", "name", "trainable")


def trained_like(new: keras.Model, model: keras.Model, frame: type = keras.Model) -> keras.Model:
    """The new model in the class of another, see `in_class_of`, and compiled with the settings of that."""
    result = in_class_of(new, model, frame)
    compile_like(result, model)
    return result


def in_class_of(new: keras.Model, model: keras.Model, frame: type = keras.Model) -> keras.Model:
    """The new model in the class that the user has given to another, so that it trains in the same way.

    The class is kept where it can be made with inputs and outputs (a Sequential with its layers), and what the model
    holds under the names of further arguments; other plain values, such as a factor of its loss, are set. Where it
    cannot be made a warning says what is lost.

    Args:
        new: A model of a class of Keras, or of that class; its layers are those of the result.
        model: The model of the user's class.
        frame: A class of ours that the result has, too.
    """
    kind = own_class(model)
    if kind in (keras.Model, type(new)):
        return new if frame is keras.Model else _made(new, frame, {})
    reason = _obstacle(new, model, kind, frame)
    if reason is None:
        try:
            result = _made(new, framed(frame, kind), _held_arguments(model, kind))
        except Exception as error:  # the user's constructor may raise anything
            reason = f"it cannot be made with these inputs and outputs ({type(error).__name__}: {error})"
        else:
            _set_plain_values(result, model)
            return result
    lost = ", ".join(f"`{name}`" for name in own_training(kind))
    warnings.warn(
        f"{model.name!r} is a {kind.__name__}, and the new model is none, because {reason}; what that class does in "
        f"{lost} is lost. Let its constructor take `inputs`, `outputs` and `name`, or train the new model yourself.",
        stacklevel=3,
    )
    return new if frame is keras.Model else _made(new, frame, {})


def own_class(model: keras.Model) -> type:
    """The class of a model, where it trains in a way of its own; else `keras.Model`."""
    kind = getattr(type(model), "trains_as", type(model))
    return kind if own_training(kind) else keras.Model


def own_training(kind: type) -> list[str]:
    """The names of what a class of models does in a way of its own."""
    return [name for name in _TRAINING if getattr(kind, name).__module__.partition(".")[0] != "keras"]


@functools.cache
def framed(frame: type, kind: type) -> type:
    """A class of ours that trains as a class of the user; it is saved as ours, and says in its configuration which."""
    if keras.Model in (frame, kind):
        return kind if frame is keras.Model else frame
    names = {"trains_as": kind, "__module__": frame.__module__, "__doc__": frame.__doc__}
    return type(keras.saving.get_registered_name(frame), (frame, kind), names)


def _obstacle(new: keras.Model, model: keras.Model, kind: type, frame: type) -> str | None:
    """Why the new model cannot be of the class of another; None where nothing is known."""
    if not is_graph(model):
        return "its `call` is its own"
    if issubclass(kind, keras.Sequential) and (frame is not keras.Model or not isinstance(new, keras.Sequential)):
        return "it is a Sequential, which has no place for what is built in"
    in_calls = {id(weight) for call in calls_of(model) for weight in getattr(call.operation, "weights", ())}
    outside = [weight.path for weight in model.weights if id(weight) not in in_calls]
    return f"it holds weights outside of its calls ({', '.join(outside[:3])})" if outside else None


def _made(new: keras.Model, kind: type, arguments: dict) -> keras.Model:
    """A model of a class with the inputs, outputs and layers of the new one."""
    if issubclass(kind, keras.Sequential):
        (start,) = new.inputs
        first = keras.Input(batch_shape=start.shape, dtype=start.dtype, name=start.name, sparse=start.sparse)
        result = kind(layers=[first, *new.layers], **arguments)
    else:
        result = kind(inputs=as_inputs(new, new.inputs), outputs=as_outputs(new, new.outputs), **arguments)
    result.name = new.name
    if not new.trainable:
        result.trainable = False
    return result


def _held_arguments(model: keras.Model, kind: type) -> dict:
    """What a model holds under the names of the further arguments of its constructor."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    own = [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    found = {name: getattr(model, name, getattr(model, f"_{name}", _ABSENT)) for name in own if name not in _GIVEN}
    return {name: value for name, value in found.items() if value is not _ABSENT}


def _set_plain_values(result: keras.Model, model: keras.Model) -> None:
    """Give the model the numbers, texts and functions that its owner has put into another."""
    for name, value in attributes(model).items():
        if name in _names_of_keras() or name.startswith("_") or not (is_plain(value) or isinstance(value, _FUNCTION)):
            continue
        setattr(result, name, value)


@functools.cache
def _names_of_keras() -> frozenset[str]:
    """The attributes that every compiled model has."""
    inputs = keras.Input((1,))
    plain = keras.Model(inputs, inputs)
    plain.compile()
    return frozenset(vars(plain))


_ABSENT = object()
_FUNCTION = (types.FunctionType, types.BuiltinFunctionType)
