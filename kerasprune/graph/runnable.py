"""A model that the backend can run: the model itself, or a twin that computes with channels last."""

from collections import deque
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasprune.core import CallLabels, ChannelGraph, GraphError, Labels, WeightLabels
from kerasprune.graph.call import Call, Carried, Env, make, run
from kerasprune.graph.channels_last import Move, Twin, twin_of
from kerasprune.graph.clone import replay
from kerasprune.graph.follow import is_channels_first, order
from kerasprune.graph.own_class import trained_like
from kerasprune.graph.rebuild import Clones, compile_like
from kerasprune.graph.states import fresh_states
from kerasprune.graph.walk import all_calls, calls_of, functional, is_graph, layers_inside, operations

_RUNS: dict[tuple, bool] = {}  # kinds of calls that were tried in this process
_OPEN = 32  # an unknown dimension, in a trial


@dataclass(frozen=True, eq=False)
class Runnable:
    """A model in the user's layout, and what runs in its place.

    Attributes:
        model: The model.
        twin: What runs in its place; None where it runs itself.
    """

    model: keras.Model
    twin: Twin | None = None

    @property
    def runs(self) -> keras.Model:
        """The model that the backend can run; it takes and returns what the model does."""
        return self.model if self.twin is None else self.twin.model

    @property
    def origin(self) -> str | None:
        """The architecture of the model as JSON, from which `restored` finds back; None where it runs itself."""
        return None if self.twin is None else self.model.to_json()

    def graph(self, graph: ChannelGraph) -> ChannelGraph:
        """The graph of the model as a graph of `runs`, with the same ids; it serves all but to cut."""
        return graph if self.twin is None else _Moved(graph, self.twin).result()

    def back(self, changed: keras.Model) -> keras.Model:
        """A model in the user's layout with the weights that `runs`, or a model of its architecture, has now.

        It is compiled where `changed` is, with its settings.
        """
        if self.twin is None:
            return changed
        clones = Clones(self.twin.source)
        with clones.building():
            new = replay(self.twin.source, clones.make)
        moves = {move.path: move for move in self.twin.moves}
        found, paths = operations(changed), self.twin.paths

        def assign(path, index, source, target):
            axes = moves[path].handling.weights.get(index)
            value = found[paths[path]].weights[index]
            target.assign(
                keras.ops.copy(value)
                if axes is None
                else keras.ops.transpose(value, [axes.index(axis) for axis in range(len(axes))])
            )

        clones.carry(assign)
        return trained_like(new, changed)

    def name(self, path: str) -> str:
        """The path in the model of what has this path in `runs`."""
        return path if self.twin is None else {new: old for old, new in self.twin.paths.items()}.get(path, path)


def runnable(model: keras.Model) -> Runnable:
    """Find out whether the backend can run a model in its own layout, and make its twin where it cannot.

    Args:
        model: A model whose parts are laid open.

    Raises:
        GraphError: It cannot, and parts of the model have to stay in their layout.
    """
    if can_run(model):
        return Runnable(model)
    twin = twin_of(model)
    if not can_run(twin.model):
        raise GraphError(
            f"{keras.backend.backend()} cannot run {', '.join(twin.left)} with channels first on this machine, and "
            "nobody has taught `channels_last` another way. Build these layers with channels last, or use a GPU or JAX."
        )
    compile_like(twin.model, model)
    return Runnable(model, twin)


def restored(origin: str | None, changed: keras.Model) -> keras.Model:
    """The model in the user's layout that a `Runnable` had the `origin` of, with the weights of what ran in its place.

    Args:
        origin: The architecture as JSON; None gives `changed` itself.
        changed: A model of the architecture of the twin.
    """
    if origin is None:
        return changed
    classes = {type(layer).__name__: type(layer) for layer in layers_inside(changed)}  # those of the user, too
    model = keras.models.model_from_json(origin, custom_objects=classes)
    return Runnable(model, twin_of(model)).back(changed)


def can_run(model: keras.Model) -> bool:
    """Whether the backend runs every call of the model that has its channels first, found by trying each kind once."""
    calls = (call for call in all_calls(model) if not is_graph(call.operation))
    return all(_runs(call) for call in calls if is_channels_first(call.operation))


def _runs(call: Call) -> bool:
    kind = (keras.backend.backend(), *map(_kind, _parts(call.operation)), *(t.dtype for t in call.inputs))
    kind = (*kind, *(len(tensor.shape) for tensor in call.inputs))
    if kind not in _RUNS:
        _RUNS[kind] = _try(call)
    return _RUNS[kind]


def _parts(operation: keras.Operation) -> list:
    return layers_inside(operation) if isinstance(operation, keras.layers.Layer) else [operation]


def _kind(part: keras.Operation) -> tuple:
    """What decides which kernel of the backend computes a layer."""
    numbers = (np.max(getattr(part, name, 1)) > 1 for name in ("groups", "strides", "dilation_rate"))
    dtype = getattr(part, "compute_dtype", None)
    return (type(part).__name__, getattr(part, "padding", None), dtype, *map(bool, numbers))


def _try(call: Call) -> bool:
    zeros = {
        id(tensor): keras.ops.zeros([1, *(size or _OPEN for size in tensor.shape[1:])], tensor.dtype)
        for tensor in call.inputs
    }
    layers = [call.operation] if isinstance(call.operation, keras.layers.Layer) else []
    try:
        with fresh_states(*layers):
            make(call, zeros)
    except Exception:  # each backend has its own words for it
        return False
    return True


class _Moved:
    """The graph of a model, told about its twin."""

    def __init__(self, graph: ChannelGraph, twin: Twin):
        self.source, self.twin = graph, twin
        self.known: dict[str, deque[CallLabels]] = {}
        for labels in graph.calls:
            self.known.setdefault(labels.key, deque()).append(labels)
        self.calls: list[CallLabels] = []
        self.paths: dict[int, str] = {}

    def result(self) -> ChannelGraph:
        """The graph of the twin, with the ids of that of the model."""
        names = {move.path: (self.twin.paths[move.path], move) for move in self.twin.moves}
        self._run(self.twin.model, "", [(None,) * len(tensor.shape) for tensor in functional(self.twin.model).inputs])
        graph = self.source
        return replace(
            graph,
            calls=tuple(self.calls),
            weights=tuple(_moved_weight(weight, *names[weight.layer]) for weight in graph.weights),
            edits={},
            inexact={names[path][0]: why for path, why in graph.inexact.items()},
        )

    def _run(self, model: keras.Model, prefix: str, inputs: list[Labels]) -> list[Labels]:
        graph = functional(model)
        env = dict(zip(map(id, graph.inputs), map(Carried, inputs), strict=True))
        run(calls_of(model, prefix), env, self._perform)
        return [env[id(tensor)].labels for tensor in graph.outputs]

    def _perform(self, call: Call, env: Env) -> list[Carried]:
        path = self.paths.setdefault(id(call.operation), call.path)
        given = [env[id(tensor)].labels for tensor in call.inputs]
        if is_graph(call.operation):
            return [Carried(labels) for labels in self._run(call.operation, call.path, given)]
        self.calls.append(self._labels(call, path, given))
        return [Carried(labels) for labels in self.calls[-1].outputs]

    def _labels(self, call: Call, path: str, given: list[Labels]) -> CallLabels:
        known = self.twin.calls.get(id(call.outputs[0]))
        if known is None:  # a transpose between the layouts
            outputs = (_in_order(given[0], (0, *call.operation.dims)),)
            return CallLabels(call.key, path, (given[0],), outputs, ((),))
        key, handling = known
        left = self.known[key]
        old = left.popleft() if len(left) > 1 else left[0]  # a nested model that is called several times
        return CallLabels(
            key=call.key,
            operation=path,
            inputs=tuple(_moved(labels, layout) for labels, layout in zip(old.inputs, handling.inputs, strict=True)),
            outputs=tuple(_moved(labels, layout) for labels, layout in zip(old.outputs, handling.outputs, strict=True)),
            reads=tuple(
                tuple(_order(layout, len(labels)).index(axis % len(labels)) for axis in axes)
                for axes, labels, layout in zip(old.reads, old.inputs, handling.inputs, strict=True)
            ),
        )


def _moved_weight(weight: WeightLabels, path: str, move: Move) -> WeightLabels:
    axes = move.handling.weights.get(weight.index)
    if axes is None:
        return replace(weight, layer=path)
    return replace(
        weight,
        layer=path,
        shape=tuple(weight.shape[axis] for axis in axes),
        axes=_in_order(weight.axes, axes),
        reads=tuple(axes.index(axis) for axis in weight.reads),
        inner=tuple(axes.index(axis) for axis in weight.inner),
    )


def _moved(labels: Labels, layout: int) -> Labels:
    return _in_order(labels, _order(layout, len(labels)))


def _order(layout: int, rank: int) -> tuple[int, ...]:
    """As `order`; a handling may name a layout that a tensor of few axes does not have."""
    return order(layout if layout < rank else 0, rank)


def _in_order(labels: Labels, axes) -> Labels:
    return tuple(labels[axis] for axis in axes)
