"""Subclassed layers and models, taken apart into the Keras layers and operations that they are made of."""

import dataclasses
import inspect
import re
from typing import Any

import keras

from kerasprune.core import GraphError, Names, name_of
from kerasprune.graph.call import Call, Env, run, symbolic_leaves
from kerasprune.graph.givers import Givers
from kerasprune.graph.known_sizes import filled, with_known_sizes
from kerasprune.graph.own_class import trained_like
from kerasprune.graph.rebuild import Clones
from kerasprune.graph.record import needs_cast, record
from kerasprune.graph.recording import RecordError, Recording, first_line
from kerasprune.graph.replay import Replay
from kerasprune.graph.spelled_out import is_spelled_out, spell_out
from kerasprune.graph.symbolic_parts import is_opaque
from kerasprune.graph.walk import all_calls, as_outputs, functional, is_graph, layers_inside


def unroll(model: keras.Model, inputs: Any = None) -> keras.Model:
    """Build the functional model of the parts of a model that is subclassed, or has subclassed layers.

    `trace`, `slim` and all else do this by themselves where it is needed; call it to choose the inputs, or to keep the
    result. Layers that cannot be taken apart stay whole; `trace` then says why.

    Args:
        model: A built model; it is not touched.
        inputs: A `keras.Input`, or the list, tuple or dict of them that the model is called with. By default those of
            the model; a subclassed model gets the shapes that it was built with, as float32.

    Returns:
        A model of copies of the parts with the same weights, which computes the same. Parts are named by the path to
        them. `model` itself where there is nothing to take apart.

    Raises:
        GraphError: The model is subclassed and its call does more than to call Keras layers and operations.

    Example:

    >>> class Block(keras.layers.Layer):
    ...     def __init__(self, units, **options):
    ...         super().__init__(**options)
    ...         self.units, self.dense = units, keras.layers.Dense(units, name="dense")
    ...     def build(self, shape): self.dense.build(shape)
    ...     def call(self, x): return keras.ops.relu(self.dense(x))
    >>> x = keras.Input((3,))
    >>> [layer.name for layer in unroll(keras.Model(x, Block(4, name="block")(x))).layers[1:]]
    ['block_dense']
    """
    flat, _ = unrolled(model, inputs)
    return flat if flat is model else trained_like(flat, model)


def unrolled(model: keras.Model, inputs: Any = None) -> tuple[keras.Model, dict[str, str]]:
    """The unrolled model, not compiled, and for every layer that stays whole the reason, by path."""
    if not isinstance(model, keras.Model):
        raise GraphError(f"A model must be a keras.Model. Received: {type(model).__name__}.")
    return _Unroll(model).result(inputs)


def unrolled_with_origins(model: keras.Model) -> tuple[keras.Model, dict[int, keras.Operation]]:
    """The unrolled model, and by the `id` of its operations and what they hold those of `model` that they copy."""
    unroll = _Unroll(model)
    flat, _ = unroll.result(None)
    origins: dict[int, keras.Operation] = {}
    for _, old, new in unroll.clones.pairs:
        if isinstance(old, keras.layers.Layer):
            pairs = zip(layers_inside(old), layers_inside(new), strict=True)
            origins.update((id(copy), original) for original, copy in pairs)
    return flat, origins


class _Unroll(Replay):
    """A replay in which the calls of some layers are replaced by those of their parts."""

    def __init__(self, model: keras.Model):
        self.clones = Clones(model)
        super().__init__(self._make, self._in_parts, nested=not _shares_with_nested(model))
        self.source = model
        self.reasons: dict[str, str] = {}
        self.recordings: dict[str, Recording] = {}
        self.unrolled: set[int] = set()
        self.taken_apart: set[str] = set()
        self.names: dict[int, str] = {}
        self.taken = Names()
        self.givers = Givers()

    def result(self, inputs) -> tuple[keras.Model, dict[str, str]]:
        with self.clones.building():
            new = self._graph(inputs) if is_graph(self.source) else self._subclassed(inputs)
        self.clones.carry()
        flat = {name_of(path): why for path, why in self.reasons.items()}
        return new, self.reasons if self.nested else flat

    def _graph(self, inputs) -> keras.Model:
        """The model itself where nothing in it can be taken apart."""
        graph = functional(self.source)
        self._decide(list(all_calls(self.source)))
        if not self.recordings and inputs is None:
            return self.source
        if inputs is None:
            return self.model(self.source, "")
        if len(keras.tree.flatten(inputs)) != len(graph.inputs):
            raise GraphError(f"{self.source.name!r} has {len(graph.inputs)} inputs. Received: {inputs!r}.")
        outputs = self.run(self.source, "", keras.tree.flatten(inputs))
        return keras.Model(inputs, as_outputs(self.source, outputs), name=self.source.name)

    def _subclassed(self, inputs) -> keras.Model:
        model = self.source
        why = "it is not built; call it once on data"
        if model.built:
            inputs = _built_inputs(model) if inputs is None else inputs
            args, kwargs = _call_arguments(model, inputs)
            try:
                recording = record(model, args, kwargs, self.givers)
                outputs = self._run_parts(recording, "", keras.tree.flatten((args, kwargs)))
                return keras.Model(inputs, outputs, name=model.name)
            except RecordError as error:
                why = str(error)
        raise GraphError(
            f"{type(model).__name__} {model.name!r} is subclassed and cannot be unrolled: {why}. "
            "Choose its inputs with `kerasprune.unroll(model, inputs)`, or build it with the functional API."
        )

    def operation(self, path: str, old: keras.Operation, arguments: list | None = None) -> keras.Operation:
        """As in any replay; parts get the name that was chosen for them."""
        is_new = id(old) not in self.made
        new = super().operation(path, old, arguments)
        if is_new and id(old) in self.names and id(old) not in self.unrolled:
            new.name = self.names[id(old)]
        return new

    def _make(self, path: str, old: keras.Operation) -> keras.Operation:
        return old if id(old) in self.unrolled else self.clones.make(path, old)

    def _in_parts(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        recording = self.recordings.get(call.key)
        if recording is None or id(call.operation) not in self.unrolled:
            return operation(*args, **kwargs)
        given = [self._cast(call, tensor) for tensor in symbolic_leaves((args, kwargs))]
        before = dict(self.made), len(self.clones.pairs), dict(self.clones.cloner.made)
        try:
            outputs = self._run_parts(recording, call.path, given)
            self.taken_apart.add(call.path)
            return outputs
        except Exception as error:  # what a part says of open sizes may be an error of Keras
            return self._whole_after_all(call, error, before)(*args, **kwargs)

    def _whole_after_all(self, call: Call, error: Exception, before: tuple[dict, int, dict]) -> keras.Operation:
        """The clone of a layer whose parts cannot be called on what it is called on here.

        Args:
            call: The first call of the layer.
            error: What a part said.
            before: What had been made until then, how many pairs there were, and what had been cloned.
        """
        made, pairs, cloned = before
        if call.path in self.taken_apart:
            raise error
        self.made, self.clones.cloner.made = made, cloned
        del self.clones.pairs[pairs:]
        self.unrolled.discard(id(call.operation))
        kind, text = type(call.operation).__name__, first_line(error)
        self.reasons[call.path] = f"`{call.path}` is a {kind}, which cannot be unrolled: one of its parts fails: {text}"
        self.made[id(call.operation)] = self.clones.make(call.path, call.operation)
        return self.made[id(call.operation)]

    def _cast(self, call: Call, tensor: keras.KerasTensor) -> keras.KerasTensor:
        if not isinstance(call.operation, keras.layers.Layer) or not needs_cast(call.operation, tensor):
            return tensor
        cast = keras.ops.cast(tensor, call.operation.input_dtype)
        cast._keras_history.operation.name = self._name(call.path, "cast")
        return cast

    def _run_parts(self, recording: Recording, path: str, given: list):
        """Make the recorded calls with clones of the parts; returns the outputs in their structure."""
        enclosing, _, box = path.rpartition("/") if self.nested else ("", "", name_of(path))
        parts = []
        for number, call in enumerate(recording.calls):
            part = call.operation
            name = self.names[id(part)] = self.names.get(id(part)) or self._name(box, _readable(part))
            full = f"{enclosing}/{name}" if enclosing else name
            parts.append(dataclasses.replace(call, key=f"{path}#{number}:{full}", path=full))
        inside = [call for part in parts if is_graph(part.operation) for call in all_calls(part.operation, part.path)]
        self._decide([*parts, *inside], foreign=True)
        env = run(parts, dict(zip(map(id, recording.inputs), given, strict=True)), self.perform())
        return keras.tree.map_structure(lambda tensor: env[id(tensor)], recording.outputs)

    def _decide(self, calls: list[Call], foreign: bool = False) -> None:
        """Record the calls of layers without a rule; a layer of which one call cannot be recorded stays whole.

        Args:
            calls: The calls.
            foreign: Whether activations with functions that no file can name are taken apart, too.
        """
        self.taken.taken.update(call.operation.name for call in calls)
        found: dict[str, Recording] = {}
        whole: set[int] = {id(call.operation) for call in calls if id(call.operation) in self.made} - self.unrolled
        known = with_known_sizes(calls)
        candidates = [
            call
            for call in calls
            if is_opaque(call.operation) or is_spelled_out(call) or foreign and _is_nameless(call.operation)
        ]
        for call in candidates:
            try:
                found[call.key] = self._recorded(call, known)
                if any(getattr(tensor, "_keras_mask", None) is not None for tensor in call.outputs):
                    raise RecordError("its output carries a mask")
            except RecordError as error:
                whole.add(id(call.operation))
                kind = type(call.operation).__name__
                self.reasons[call.path] = f"`{call.path}` is a {kind}, which cannot be unrolled: {error}"
        for call in candidates:
            if id(call.operation) not in whole:
                self.unrolled.add(id(call.operation))
                self.recordings[call.key] = found[call.key]

    def _recorded(self, call: Call, known: Env) -> Recording:
        return spell_out(call) if is_spelled_out(call) else record(call.operation, *filled(call, known), self.givers)

    def _name(self, box: str, part: str) -> str:
        """A name for a part that no other operation has."""
        return self.taken.unused(f"{box}_{part}" if box else part)


def _shares_with_nested(model: keras.Model) -> bool:
    """Whether a layer is called inside a nested model and outside of it, which no file of Keras can hold.

    It may be a part of a layer at one of the places.
    """
    if not is_graph(model):
        return False
    callers: dict[int, set[str]] = {}
    for call in all_calls(model):
        parts = layers_inside(call.operation) if isinstance(call.operation, keras.layers.Layer) else []
        for part in [] if is_graph(call.operation) else parts:
            callers.setdefault(id(part), set()).add(call.path.rpartition("/")[0])
    return any(len(found) > 1 for found in callers.values())


def _is_nameless(operation: keras.Operation) -> bool:
    """Whether this is the activation by a function that neither Keras knows nor its owner has registered."""
    function = operation.activation if type(operation) is keras.layers.Activation else None
    own = getattr(function, "__module__", "keras").partition(".")[0] != "keras"
    name = keras.saving.get_registered_name(function) if own else ""
    return own and (">" not in name or name.endswith("<lambda>"))


def _readable(operation: keras.Operation) -> str:
    """The name of a layer; for an operation that of its class, because its own has a number that changes."""
    if isinstance(operation, keras.layers.Layer):
        return operation.name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()


def _built_inputs(model: keras.Model):
    """Inputs of the shapes with which a subclassed model was built."""
    config = model.get_build_config()
    if not config:
        raise GraphError(f"It is not known which inputs {model.name!r} takes: pass `inputs` to `unroll`.")
    if "shapes_dict" in config:
        shapes = {name.removesuffix("_shape"): shape for name, shape in config["shapes_dict"].items()}
        return _inputs(shapes, "")
    return _inputs(config["input_shape"], next(iter(inspect.signature(model.call).parameters)))


def _inputs(shapes, name: str):
    """A `keras.Input` for every shape in a structure; those of a dict are named by their keys, all others by `name`."""
    if isinstance(shapes, dict):
        return {key: _inputs(shape, key) for key, shape in shapes.items()}
    if all(size is None or isinstance(size, int) for size in shapes):
        return keras.Input(batch_shape=(None, *shapes[1:]), name=name)
    return [_inputs(shape, f"{name}_{number}") for number, shape in enumerate(shapes)]


def _call_arguments(model: keras.Model, inputs) -> tuple[tuple, dict]:
    """Inputs whose names are those of the arguments of `call` are passed by name, all others as the first argument."""
    names = list(inspect.signature(model.call).parameters)
    if isinstance(inputs, dict) and set(inputs) <= set(names):
        return (), dict(inputs)
    return (inputs,), {}
