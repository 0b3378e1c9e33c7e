"""Operations made anew: from their configuration, from what their constructor was given, or as structural copies."""

import inspect
import types
import warnings
from collections.abc import Collection

import keras
import numpy as np

from kerasprune.core import GraphError
from kerasprune.graph.replay import AtCall, Make, Replay
from kerasprune.graph.rule import find_rule
from kerasprune.graph.structural_copy import is_plain, structural_copy
from kerasprune.graph.walk import attributes, held_layers, is_graph


def clone_operation(path: str, operation: keras.Operation, changes: dict | None = None) -> keras.Operation:
    """A new layer or operation of the same class and name, with the same functions and no weights in common.

    Args:
        path: Where it stands; for messages.
        operation: What to clone; it is not touched.
        changes: Entries of the configuration that get other values; "layer/config/units" is the entry `units` in the
            configuration of the layer inside.

    Raises:
        GraphError: Other values for the configuration are asked for, and the layer cannot be made from one.
    """
    return Cloner().clone(path, operation, changes)


def replay(
    model: keras.Model, make: Make = clone_operation, at_call: AtCall | None = None, *, nested: bool = True
) -> keras.Model:
    """Build a new model by running through the calls of `model`.

    Args:
        model: A Functional or Sequential model; it is not touched.
        make: Gives the operation that stands for one of the model's own, asked once for each. The path is that of
            its first call; nested models are not asked for.
        at_call: Makes one call of the new model. By default the operation is called with the arguments.
        nested: Whether nested models stay nested; else the result is flat, and layers of nested models are named
            by their path with "_" for "/".

    Returns:
        A model with the same names and structure of inputs and outputs. A Sequential stays one where `at_call` is None.
    """
    return Replay(make, at_call, nested).model(model, "")


class Cloner:
    """Clones the operations of one model; what several layers hold, such as a tied embedding, is cloned once.

    Args:
        shared: The `id` of every layer that several layers hold.
    """

    def __init__(self, shared: Collection[int] = ()):
        self.shared = frozenset(shared)
        self.made: dict[int, object] = {}

    def clone(self, path: str, operation: keras.Operation, changes: dict | None = None) -> keras.Operation:
        """As `clone_operation`; what was cloned before, with another layer that holds it, is that clone."""
        if id(operation) not in self.made:
            if isinstance(operation, keras.layers.Layer):
                new = self._layer(path, operation, changes or {})
            else:
                new = _operation(operation, changes or {})
            self.made[id(operation)] = new
        return self.made[id(operation)]

    def _layer(self, path: str, layer: keras.layers.Layer, changes: dict) -> keras.layers.Layer:
        """The first of the ways that gives the same layer; only the first two can give one with other values."""
        ways = [_from_configuration, self._from_arguments]
        shares = any(id(part) in self.shared for part in held_layers(layer))
        if shares and not changes:
            ways = [self._from_arguments]
        for way in ways:
            try:
                clone = way(path, layer, changes)
            except Exception:  # the user's constructor or configuration may raise anything
                continue
            if shares and not self._holds_the_shared(layer, clone):
                continue
            if changes or _is_alike(layer, clone):
                clone.name = layer.name
                _put_functions_back(layer, clone)
                return clone
        if changes:
            raise GraphError(
                f"`{path}` is a {type(layer).__name__} that cannot be made with other values for "
                f"{', '.join(map(repr, changes))}: neither its configuration nor its constructor takes them. "
                "Let its `get_config` return every argument of its `__init__`."
            )
        return structural_copy(layer, self.made, self._graph)

    def _from_arguments(self, path: str, layer: keras.layers.Layer, changes: dict) -> keras.layers.Layer:
        """Call the constructor with what it was given, as far as the layer keeps it under the same names."""
        given = {**_base_arguments(layer), **_configuration(layer, or_else={})}
        inside: dict[str, dict] = {}
        for key, value in changes.items():
            name, _, rest = key.partition("/config/")
            if rest:
                inside.setdefault(name, {})[rest] = value
            else:
                given[name] = value
        parameters = inspect.signature(type(layer).__init__).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        arguments = {name: value for name, value in given.items() if takes_any or name in parameters}
        for name in parameters:
            kept = getattr(layer, name, getattr(layer, f"_{name}", _ABSENT))
            if name in changes or kept is _ABSENT or name in ("self", "name", "dtype", "trainable"):
                continue
            arguments[name] = self._held(layer, kept, inside.get(name))
        return type(layer)(**arguments)

    def _held(self, holder: keras.layers.Layer, value: object, changes: dict | None = None) -> object:
        """What a constructor gets for what the layer holds: clones of layers, all else by reference."""
        if isinstance(value, (list, tuple)) and any(isinstance(item, keras.layers.Layer) for item in value):
            return [self._held(holder, item) for item in value]
        if not isinstance(value, keras.layers.Layer) or id(value) in self.made:
            return self.made.get(id(value), value)
        if is_graph(value):
            return self._graph(value)
        if find_rule(holder) is not None:
            return self.clone(value.name, value, changes)
        return structural_copy(value, self.made, self._graph)  # the holder may read the weights without calling it

    def _graph(self, model: keras.Model) -> keras.Model:
        """A clone of a model that a layer holds."""
        if id(model) not in self.made:
            self.made[id(model)] = Replay(self.clone, None, True).model(model, "")
        return self.made[id(model)]

    def _holds_the_shared(self, layer: keras.layers.Layer, clone: keras.layers.Layer) -> bool:
        """Whether the clone holds the one clone of everything shared, after putting it there where it is an attribute.

        A part that a layer with a rule, a wrapper, is the first to hold was made with the right configuration.
        """
        for name, part in attributes(layer).items():
            if not isinstance(part, keras.layers.Layer) or id(part) not in self.shared or is_graph(part):
                continue
            own = getattr(clone, name, None)
            if find_rule(layer) is not None and own is not None:
                self.made.setdefault(id(part), own)
            shared = self._held(layer, part)
            if own is not shared:
                delattr(clone, name)
                setattr(clone, name, shared)
        held = {id(part) for part in held_layers(clone)}
        shared = [part for part in held_layers(layer) if id(part) in self.shared]
        return all(id(self.made.get(id(part))) in held for part in shared)


def _operation(operation: keras.Operation, changes: dict) -> keras.Operation:
    if changes:
        clone = type(operation)(**{**_constructor_arguments(operation), **changes})
    else:
        clone = object.__new__(type(operation))  # copy.copy would write the operation to a file and read it
        vars(clone).update(vars(operation), _inbound_nodes=[], _outbound_nodes=[])
    clone.name = operation.name
    return clone


def _from_configuration(path: str, layer: keras.layers.Layer, changes: dict) -> keras.layers.Layer:
    """From its configuration, in which functions, initializers and the like stand themselves."""
    config = _configuration(layer)
    if any(held_layers(layer)):
        config = _unbuilt(config)
    for key, value in changes.items():
        config = _changed(config, key.split("/"), value)
    return type(layer).from_config(config)


def _configuration(layer: keras.layers.Layer, or_else: dict | None = None) -> dict:
    """The configuration, with the functions themselves that it names; `or_else` where the layer has none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about lambdas: nothing is written to a file
            config = dict(layer.get_config())
    except Exception:  # the user's code may raise anything
        if or_else is None:
            raise
        return or_else
    for key, value in config.items():
        kept = getattr(layer, key, None) if isinstance(value, (str, dict)) else None
        if callable(kept) and not isinstance(kept, (type, keras.layers.Layer)):
            config[key] = kept
    return config


def _base_arguments(layer: keras.layers.Layer) -> dict:
    """What every layer's constructor takes, where it differs from the default or is needed to know the layer."""
    policy = layer.dtype_policy
    dtype = policy.name if type(policy) is keras.DTypePolicy else policy  # Keras writes the name alone to a file
    arguments = {"name": layer.name, "trainable": layer.trainable, "dtype": dtype}
    if layer.activity_regularizer is not None:
        arguments["activity_regularizer"] = layer.activity_regularizer
    return arguments


def _is_alike(layer: keras.layers.Layer, clone: keras.layers.Layer) -> bool:
    """Whether a clone, which may not be built yet, is what the layer is; of Keras' own layers this is known.

    A configuration may lack arguments, and a constructor's argument may be kept under the name of something else. So
    all plain values must be the same, in it and in what it holds. Of a layer that stays as it is the weights are looked
    at, too.
    """
    parts, cloned = [layer, *held_layers(layer)], [clone, *held_layers(clone)]
    if not clone.built and len(cloned) < len(parts):
        parts = [layer]  # the others are made when it is built
    if not all(_has_same_values(old, new) for old, new in zip(parts, cloned, strict=False)):
        return False
    if type(layer).__module__.partition(".")[0] == "keras":
        return True
    if find_rule(layer) is not None or not layer.built or not layer.weights:
        return True
    if not clone.built:
        try:
            clone.build_from_config(layer.get_build_config())
        except Exception:  # the user's code may raise anything
            return False
    if any(
        isinstance(part, keras.layers.Layer) and getattr(clone, name, 0) is None
        for name, part in attributes(layer).items()
    ):
        return False
    return [_describe(weight) for weight in layer.weights] == [_describe(weight) for weight in clone.weights]


def _has_same_values(layer: keras.layers.Layer, clone: keras.layers.Layer) -> bool:
    if type(clone) is not type(layer):
        return False
    if type(layer).__module__.partition(".")[0] == "keras":
        return True
    before, after = attributes(layer), attributes(clone)
    return all(_same_value(before[name], after[name]) for name in (before.keys() & after.keys()) - _INTERNAL)


def _describe(weight: keras.Variable) -> tuple:
    return weight.name, tuple(weight.shape), weight.dtype


def _same_value(first: object, second: object) -> bool:
    """Whether two values of one attribute are equal, as far as they are of a kind that can be compared."""
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return type(first) is type(second) and np.array_equal(first, second)
    if isinstance(first, keras.layers.Layer) and isinstance(second, keras.layers.Layer):
        return True  # what a layer holds is compared by itself
    if isinstance(first, types.FunctionType) and isinstance(second, types.FunctionType):
        return True  # the original is put back
    if is_plain(first) and is_plain(second):
        return first == second
    if type(first).__module__.partition(".")[0] in _KNOWN or second is None:
        return True
    return first is second


def _put_functions_back(layer: keras.layers.Layer, clone: keras.layers.Layer) -> None:
    """Let the clone compute with the very functions of the layer; a name can be that of another function."""
    parts = zip([layer, *held_layers(layer)], [clone, *held_layers(clone)], strict=False)
    for old, new in parts:
        if type(old) is not type(new):
            return
        for name, value in vars(old).items():
            if isinstance(value, _FUNCTIONS) and name in vars(new) and name not in _INTERNAL:
                vars(new)[name] = value


def _unbuilt(config):
    """A copy of the configuration in which no layer inside is to be built for the shape that it has now."""
    if isinstance(config, dict):
        return {key: _unbuilt(value) for key, value in config.items() if key != "build_config"}
    return [_unbuilt(item) for item in config] if isinstance(config, list) else config


def _changed(config: dict | list, path: list[str], value: object) -> dict | list:
    """A copy of the configuration with another value at the end of the path; lists are entered by number."""
    copy = list(config) if isinstance(config, (list, tuple)) else dict(config)
    key = int(path[0]) if isinstance(copy, list) else path[0]
    copy[key] = value if len(path) == 1 else _changed(copy[key], path[1:], value)
    return copy


def _constructor_arguments(operation: keras.Operation) -> dict:
    """The arguments that make an operation of `keras.ops`, read from its attributes of the same names."""
    config = operation.get_config()
    config.pop("name", None)
    return config


_ABSENT = object()
_KNOWN = ("keras", "builtins", "tensorflow", "jax", "jaxlib", "torch")
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_INTERNAL = frozenset(vars(keras.layers.Layer()))
