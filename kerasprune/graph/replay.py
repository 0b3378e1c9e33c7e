"""One interpreter of a model's graph, with the behaviour passed in: slimming, masking and gating replay the model."""

import inspect
from collections.abc import Callable, Sequence

import keras

from kerasprune.core import GraphError
from kerasprune.graph.call import Call, Env, run
from kerasprune.graph.walk import calls_of, functional, is_graph, join

Make = Callable[[str, keras.Operation], keras.Operation]
# Makes one call of the new model: gets the old call, the new operation and the new arguments, returns the outputs.
AtCall = Callable[[Call, keras.Operation, tuple, dict], object]


def clone_operation(path: str, operation: keras.Operation, changes: dict | None = None) -> keras.Operation:
    """A new layer or operation of the same class and name, without the weights.

    Args:
        path: Where it stands; not used, so that this function can serve as `make` in `replay`.
        operation: What to clone; it is not touched.
        changes: Entries of the configuration that get other values; "layer/config/units" is the entry `units` in the
            configuration of the layer inside.
    """
    if isinstance(operation, keras.layers.Layer):
        return _clone_layer(path, operation, changes or {})
    if changes:
        clone = type(operation)(**{**_constructor_arguments(operation), **changes})
    else:
        clone = object.__new__(type(operation))  # copy.copy would write the operation to a file and read it
        vars(clone).update(vars(operation), _inbound_nodes=[], _outbound_nodes=[])
    clone.name = operation.name
    return clone


def _clone_layer(path: str, layer: keras.layers.Layer, changes: dict) -> keras.layers.Layer:
    """From its configuration; entries that the constructor does not take are left out where nothing is lost."""
    try:
        changed = layer.get_config()
        if any(layer._flatten_layers(include_self=False)):
            changed = _unbuilt(changed)
        for key, value in changes.items():
            changed = _changed(changed, key.split("/"), value)
        try:
            return type(layer).from_config(changed)
        except (TypeError, ValueError):
            taken = {"name", "trainable", "dtype", *inspect.signature(type(layer).__init__).parameters}
            clone = type(layer).from_config({key: value for key, value in changed.items() if key in taken})
            if clone.get_config() == changed:
                return clone
            raise
    except (NotImplementedError, TypeError, ValueError) as error:
        raise GraphError(
            f"`{path}` is a {type(layer).__name__}, which cannot be made anew from its configuration: "
            "its `get_config` must return every argument of its `__init__`, and nothing else."
        ) from error


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


class Replay:
    """The state of one replay: what was made for each of the old operations."""

    def __init__(self, make: Make, at_call: AtCall | None, nested: bool):
        self.make = make
        self.at_call = at_call or _plainly
        self.plain = at_call is None
        self.nested = nested
        self.made: dict[int, keras.Operation] = {}

    def model(self, model: keras.Model, prefix: str, arguments: list | None = None) -> keras.Model:
        """A new model for `model`; a nested one takes inputs of the shapes that its first call has."""
        graph = functional(model)
        inputs = [new_input(old, new.shape) for old, new in zip(graph.inputs, arguments or graph.inputs, strict=True)]
        if isinstance(model, keras.Sequential) and self.plain:
            layers = [self.operation(join(prefix, layer.name), layer) for layer in model.layers]
            return with_flag(keras.Sequential([*inputs, *layers], name=model.name), model)
        outputs = self.run(model, prefix, inputs)
        structured = [
            keras.tree.pack_sequence_as(structure, flat)
            for structure, flat in ((graph._inputs_struct, inputs), (graph._outputs_struct, outputs))
        ]
        return with_flag(keras.Model(*structured, name=model.name), model)

    def run(self, model: keras.Model, prefix: str, inputs: list, training: bool | None = None) -> list:
        """Carry `inputs` through the calls of `model`; returns the flat outputs."""
        graph = functional(model)
        env = dict(zip(map(id, graph.inputs), inputs, strict=True))
        run(calls_of(model, prefix), env, self.perform(training))
        return [env[id(tensor)] for tensor in graph.outputs]

    def perform(self, training: bool | None = None) -> Callable[[Call, Env], object]:
        """How a call is made on the tensors of the new model; a nested one that is laid flat passes `training` on."""

        def perform(call: Call, env: Env):
            args, kwargs = call.fill(env)
            flat = [env[id(tensor)] for tensor in call.inputs]
            if is_graph(call.operation) and not self.nested:
                return self.run(call.operation, call.path, flat, kwargs.get("training", training))
            operation = self.operation(call.path, call.operation, flat)
            if training is not None and getattr(operation, "_call_has_training_arg", False):
                kwargs = {"training": training, **kwargs}
            return self.at_call(call, operation, args, kwargs)

        return perform

    def operation(self, path: str, old: keras.Operation, arguments: list | None = None) -> keras.Operation:
        """What stands for `old`, made at its first call."""
        if id(old) not in self.made:
            new = self.model(old, path, arguments) if is_graph(old) else self.make(path, old)
            if not self.nested and "/" in path:
                new.name = path.replace("/", "_")
            self.made[id(old)] = new
        return self.made[id(old)]


def _plainly(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
    return operation(*args, **kwargs)


def with_flag(new: keras.Model, old: keras.Model) -> keras.Model:
    """The new model, frozen where the old one is."""
    if not old.trainable:
        new.trainable = False
    return new


def new_input(tensor: keras.KerasTensor, sizes: Sequence, axes: Sequence[int] | None = None) -> keras.KerasTensor:
    """An input like `tensor`, of these sizes where `tensor` fixes any, with its axes in this order."""
    layer = tensor._keras_history.operation
    shape = [old and new for old, new in zip(tensor.shape, sizes, strict=True)]
    return keras.Input(
        batch_shape=shape if axes is None else [shape[axis] for axis in axes],
        dtype=tensor.dtype,
        name=tensor.name,
        sparse=tensor.sparse,
        optional=getattr(layer, "optional", False),
    )


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
