"""`channels_last`: a model that computes with the channels on the last axis, with the same function and weights."""

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kerasprune.core import Names
from kerasprune.graph import followers  # noqa: F401  (importing the followers registers them)
from kerasprune.graph.call import Call, Env, run, symbolic_leaves
from kerasprune.graph.follow import Handling, Reading, handling_for, is_channels_first, order
from kerasprune.graph.held import Held
from kerasprune.graph.own_class import trained_like
from kerasprune.graph.rebuild import Clones
from kerasprune.graph.replay import new_input, with_flag
from kerasprune.graph.unroll import unrolled
from kerasprune.graph.walk import as_inputs, as_outputs, calls_of, functional, is_graph, operations


def channels_last(model: keras.Model, *, borders: bool = False) -> keras.Model:
    """Build the model that computes with the channels on the last axis, as phones and most processors want it.

    Every layer with `data_format="channels_first"` becomes one with "channels_last"; what stands between such layers
    and knows how follows: normalization, activations, joins, padding. Everything else gets its tensors as in `model`,
    transposed by a `Permute`. Kernels are the same in both formats, so files of weights fit, except those of `PReLU`.

    Args:
        model: A built model; it is not touched. Of a subclassed one the parts are taken, as in `unroll`.
        borders: Whether images that the model takes and gives have their channels last, too. By default inputs and
            outputs are those of `model`.

    Returns:
        A model of stock layers with the same names, weights, `trainable` flags and compile settings, which computes
        the same. `model` itself where nothing in it has its channels first.

    Raises:
        GraphError: The model is not built, or cannot be unrolled.

    Example:

    >>> first = {"data_format": "channels_first"}
    >>> model = keras.Sequential([keras.Input((3, 8, 8)), keras.layers.Conv2D(4, 3, **first)])
    >>> channels_last(model).output_shape, channels_last(model, borders=True).output_shape
    ((None, 4, 6, 6), (None, 6, 6, 4))
    """
    twin = twin_of(model, borders)
    if twin is None:
        return model
    if twin.left:
        warnings.warn(f"Nobody has taught `channels_last` how to compute {', '.join(twin.left)} with channels last.")
    return trained_like(twin.model, model)


@dataclass(frozen=True, eq=False)
class Move:
    """What stands in a twin for one layer or operation.

    Attributes:
        path: The path of the original.
        old: The original.
        new: Its clone.
        handling: How it is called: the weights that have moved.
    """

    path: str
    old: keras.Operation
    new: keras.Operation
    handling: Handling


@dataclass(frozen=True, eq=False)
class Twin:
    """A model that computes with channels last, and how it belongs to the original.

    Attributes:
        source: The original, laid open.
        model: The twin, not compiled.
        moves: The operations.
        calls: By the id of the first tensor that a call in the twin makes: the key of the original call and how it is
            made.
        inputs: The layout of every input, and
        outputs: of every output; a layout is the axis of the original that is held at the end, 0 for none.
        left: Names of layers that still have their channels first.
    """

    source: keras.Model
    model: keras.Model
    moves: tuple[Move, ...]
    calls: dict[int, tuple[str, Handling]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    left: tuple[str, ...]

    @functools.cached_property
    def paths(self) -> dict[str, str]:
        """By path in the original, the path in the twin: what makes an output is called otherwise there."""
        paths = {id(operation): path for path, operation in operations(self.model).items()}
        return {move.path: paths[id(move.new)] for move in self.moves}


def twin_of(model: keras.Model, borders: bool = False) -> Twin | None:
    """The twin of a model; None where nothing has its channels first, and no input is transposed at once."""
    flat, _ = unrolled(model)
    found = operations(flat).values()
    is_first = any(map(is_channels_first, found))
    if not is_first and not (borders and any(isinstance(operation, keras.layers.Permute) for operation in found)):
        return None
    building = _Building(flat, borders)
    twin = building.result((0,) * len(functional(flat).inputs))
    if not borders:
        return twin
    wanted = tuple(min(held.asked, default=0) for held in building.inputs)
    if not is_first and not any(wanted):
        return None
    return _Building(flat, borders).result(wanted)


class _Building:
    """The state of one interpretation of a model."""

    def __init__(self, source: keras.Model, borders: bool):
        self.source = source
        self.borders = borders
        self.clones = Clones(source)
        self.handlings: dict[int, Handling] = {}
        self.made: dict[int, keras.Operation] = {}
        self.models: dict[int, tuple[keras.Model, tuple[int, ...], tuple[int, ...]]] = {}
        self.calls: dict[int, tuple[str, Handling]] = {}
        self.kept: list[keras.KerasTensor] = []  # so that their ids are not given away
        self.inputs: list[Held] = []
        self.left: dict[str, None] = {}
        self.names = Names()

    def result(self, layouts: Sequence[int]) -> Twin:
        """The twin of the model whose inputs have these layouts, with its weights."""
        source = self.source
        with self.clones.building():
            held = [Held(self.names, tensor, 0) for tensor in functional(source).inputs]
            model, inputs, outputs = self.model(source, "", held, layouts, is_outermost=True)
        moves = tuple(Move(path, old, new, self.handlings[id(old)]) for path, old, new in self.clones.pairs)
        weights = {move.path: move.handling.weights for move in moves}

        def assign(path, index, value, target):
            axes = weights[path].get(index)
            target.assign(keras.ops.copy(value) if axes is None else keras.ops.transpose(value, axes))

        self.clones.carry(assign)
        return Twin(source, model, moves, self.calls, inputs, outputs, tuple(self.left))

    def model(self, source, prefix: str, arguments: Sequence[Held], layouts: Sequence[int], is_outermost=False):
        """A new model, and the layouts of its inputs and outputs."""
        graph = functional(source)
        self.names.taken.update(call.operation.name for call in calls_of(source))
        self.names.taken.update(tensor.name for tensor in graph.inputs)
        held = [
            self._input(tensor, argument, layout)
            for tensor, argument, layout in zip(graph.inputs, arguments, layouts, strict=True)
        ]
        inputs = [each.at(each.layout) for each in held]
        if is_outermost:
            self.inputs = held
        found = dict(zip(map(id, graph.inputs), held, strict=True))
        run(calls_of(source, prefix), found, self._perform)
        ends = [found[id(tensor)] for tensor in graph.outputs]
        given = [end.layout if self.borders or not is_outermost else 0 for end in ends]
        outputs = [
            self._output(end, layout) if is_outermost else end.at(layout)
            for end, layout in zip(ends, given, strict=True)
        ]
        new = keras.Model(as_inputs(source, inputs), as_outputs(source, outputs), name=source.name)
        for outer, inner in zip(arguments, held, strict=True):
            for layout in inner.asked:
                outer.ask(layout)
        return with_flag(new, source), tuple(each.layout for each in held), tuple(given)

    def _input(self, tensor: keras.KerasTensor, argument: Held, layout: int) -> Held:
        new = new_input(tensor, argument.shape, order(layout, len(tensor.shape)))
        self.kept.append(new)
        return Held(self.names, new, layout)

    def _output(self, held: Held, layout: int) -> keras.KerasTensor:
        """An output of the outermost model; it is known by the name of what makes it, which a transpose takes over."""
        tensor = held.at(layout)
        maker = held.at(held.layout)._keras_history.operation
        if tensor is not held.at(held.layout) and not isinstance(maker, keras.layers.InputLayer):
            transpose = tensor._keras_history.operation
            if transpose.name.startswith(f"{maker.name}_channels_"):
                maker.name, transpose.name = transpose.name, maker.name
        return tensor

    def _perform(self, call: Call, found: Env) -> list[Held]:
        inputs = [found[id(tensor)] for tensor in call.inputs]
        return self._call_model(call, inputs, found) if is_graph(call.operation) else self._call(call, inputs)

    def _call_model(self, call: Call, inputs: list[Held], found: Env) -> list[Held]:
        key = id(call.operation)
        if key not in self.models:
            layouts = [held.layout for held in inputs]
            self.models[key] = self.model(call.operation, call.path, inputs, layouts)
        model, takes, gives = self.models[key]
        tensors = [held.at(layout) for held, layout in zip(inputs, takes, strict=True)]
        masks = symbolic_leaves(call.arguments)[len(tensors) :]
        args, kwargs = _filled(call, [*tensors, *(found[id(mask)].at(0) for mask in masks)])
        outputs = keras.tree.flatten(model(*args, **kwargs))
        self.kept += outputs
        return [Held(self.names, tensor, layout) for tensor, layout in zip(outputs, gives, strict=True)]

    def _call(self, call: Call, inputs: list[Held]) -> list[Held]:
        reading = Reading(
            operation=call.operation,
            held=tuple(held.layout for held in inputs),
            shapes=tuple(tensor.shape for tensor in call.inputs),
            output_shapes=tuple(tensor.shape for tensor in call.outputs),
            constants=any(len(getattr(leaf, "shape", ())) for leaf in _constants(call)),
        )
        handling = self._handling(call, reading)
        if id(call.operation) not in self.made:
            self.made[id(call.operation)] = self.clones.make(call.path, call.operation, dict(handling.changes))
        operation = self.made[id(call.operation)]
        args, kwargs = _filled(call, [held.at(layout) for held, layout in zip(inputs, handling.inputs, strict=True)])
        outputs = keras.tree.flatten(operation(*args, **kwargs))
        self.kept += outputs
        self.calls[id(outputs[0])] = (call.key, handling)
        kept_to = None if any(handling.inputs) else (reading, inputs)
        return [
            Held(self.names, tensor, layout, kept_to) for tensor, layout in zip(outputs, handling.outputs, strict=True)
        ]

    def _handling(self, call: Call, reading: Reading) -> Handling:
        """How the call is made; a layer that is called several times has one configuration."""
        as_it_is = Handling((0,) * len(reading.held), (0,) * len(reading.output_shapes))
        masked = any(getattr(tensor, "_keras_mask", None) is not None for tensor in call.inputs)
        handling = (None if masked else handling_for(reading)) or as_it_is
        if handling is as_it_is and is_channels_first(call.operation):
            self.left[call.operation.name] = None
        first = self.handlings.setdefault(id(call.operation), handling)
        same = dict(handling.changes) == dict(first.changes) and dict(handling.weights) == dict(first.weights)
        if same:
            return handling
        return first if first.changes or first.weights else as_it_is


def _constants(call: Call) -> list:
    leaves = keras.tree.flatten(call.arguments)
    return [leaf for leaf in leaves if not isinstance(leaf, keras.KerasTensor)]


def _filled(call: Call, tensors: Sequence[keras.KerasTensor]) -> tuple[tuple, dict]:
    """The arguments of a call with these tensors, in their order, in the places of its own."""
    left = iter(tensors)
    return keras.tree.map_structure(
        lambda leaf: next(left) if isinstance(leaf, keras.KerasTensor) else leaf, call.arguments
    )
