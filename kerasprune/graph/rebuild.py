"""Replaying a model into a new one of stock layers, and carrying weights and settings over."""

import contextlib
from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import (
    ChannelGraph,
    Count,
    GraphError,
    Pick,
    Share,
    WeightLabels,
    Whole,
    cut,
    silence,
    temporary_folder,
)
from kerasprune.core.restrict import factor_name
from kerasprune.graph.call import Call, Labelled
from kerasprune.graph.clone import Cloner, replay
from kerasprune.graph.partial_normalization import in_part
from kerasprune.graph.replay import AtCall
from kerasprune.graph.walk import layers_inside, operations, shared_layers


class Clones:
    """Clones of the operations of a model, and the weights and settings that they take over.

    The layers are built with zeros in place of their initial random values, which would be overwritten at once; the
    initializers themselves stay in their configuration.

    Args:
        model: Whose operations they are; what several of its layers hold, several clones hold.
    """

    def __init__(self, model: keras.Model):
        self.cloner = Cloner(shared_layers(model))
        self.pairs: list[tuple[str, keras.Operation, keras.Operation]] = []
        self._initializers: list[tuple[keras.layers.Layer, str, object]] = []

    def make(
        self, path: str, old: keras.Operation, changes: dict | None = None, pattern: keras.Operation | None = None
    ) -> keras.Operation:
        """What stands for `old`: a clone of it, or of `pattern`, a layer of another class with the same weights.

        Args:
            path: The path of `old`.
            old: What to clone.
            changes: Entries of the configuration that get other values.
            pattern: What to clone in its place.
        """
        new = self.cloner.clone(path, pattern or old, changes)
        if isinstance(new, keras.layers.Layer):
            self._start_at_zero(new)
        self.pairs.append((path, old, new))
        return new

    @contextlib.contextmanager
    def building(self):
        """The clones are built in this context; at its end they get their own initializers back."""
        try:
            yield self
        finally:
            for layer, name, initializer in self._initializers:
                setattr(layer, name, initializer)

    def carry(self, assign=lambda path, index, source, target: target.assign(keras.ops.copy(source))) -> None:
        """Give the clones the weights and `trainable` flags of the originals.

        Args:
            assign: Gets the path of a layer, the position of a weight, the weight and that of the clone. It must copy,
                because JAX gives the memory of a model's weights away when the model runs.
        """
        for path, old, new in self.pairs:
            if not isinstance(old, keras.layers.Layer):
                continue
            for index, (source, target) in enumerate(zip(old.weights, new.weights, strict=True)):
                assign(path, index, source, target)
            if old.weights and hasattr(new, "finalize_state"):  # preprocessing layers compute with a copy of these
                new.finalize_state()
            if hasattr(old, "save_assets"):
                _carry_assets(old, new)
        for _, old, new in self.pairs:
            if isinstance(old, keras.layers.Layer):
                copy_trainable(old, new)

    def _start_at_zero(self, layer: keras.layers.Layer) -> None:
        for part in layers_inside(layer):  # the layer itself, and the cell or layer inside
            for name, value in list(vars(part).items()):
                if isinstance(value, keras.initializers.Initializer):
                    self._initializers.append((part, name, value))
                    setattr(part, name, _ZEROS)


class Rebuild:
    """One rebuild of a model: clones its layers, then carries the weights over.

    Args:
        graph: The trace of the model.
        keep: bool (num_ids,), completed; None to cut nothing.
        silent: bool (num_ids,), completed: nothing is cut, but where a layer reads channels that it makes itself, those
            that are False read zero. Layers in `graph.inexact` are cut: they do not see what is False.
    """

    def __init__(self, graph: ChannelGraph, keep: np.ndarray | None = None, silent: np.ndarray | None = None):
        self.graph = graph
        self.keep = keep
        self.silent = silent
        self.clones: Clones | None = None
        self.labels: dict[int, WeightLabels] = {}

    def run(self, model: keras.Model, at_call: AtCall | None = None, *, nested: bool = True) -> keras.Model:
        """The new model, with the weights of the old one as far as they are kept.

        Args:
            model: The model that the graph is a trace of.
            at_call: As in `replay`; the calls that it gets have labels.
            nested: As there.
        """
        self._begin(model)
        with self.clones.building():
            new = replay(model, self._make, self._with_labels(at_call or self._with_cut_constants()), nested=nested)
        self.clones.carry(self._carry)
        return new

    def _make(self, path: str, old: keras.Operation) -> keras.Operation:
        edits = self.graph.edits.get(path, {}) if self.keep is not None else {}
        changes = {key: _resolve(value, self.keep) for key, value in edits.items()}
        total = changes.pop("total", None)
        return self.clones.make(path, old, changes, None if total is None else in_part(old, total))

    def _with_cut_constants(self) -> AtCall | None:
        """Make a call with the constants among its arguments cut where the graph says so; None if it nowhere does."""
        if self.keep is None or not any(labels.arguments or labels.share for labels in self.graph.calls):
            return None

        def at_call(call: Call, operation, args, kwargs):
            leaves = keras.tree.flatten((args, kwargs))
            for position, value in call.labels.arguments.items() if call.labels else ():
                leaves[position] = _like(_resolve(value, self.keep), leaves[position])
            args, kwargs = keras.tree.pack_sequence_as((args, kwargs), leaves)
            outputs = operation(*args, **kwargs)
            return _multiplied(outputs, operation, call.labels.share, self.keep) if call.labels else outputs

        return at_call

    def _with_labels(self, at_call: AtCall | None) -> AtCall | None:
        if at_call is None:
            return None
        label = Labelled(self.graph)
        return lambda call, operation, args, kwargs: at_call(label(call), operation, args, kwargs)

    def layer(self, model: keras.Model, path: str, shape: tuple) -> keras.layers.Layer:
        """One layer of the new model by itself, built for inputs of a shape, with its weights."""
        self._begin(model)
        with self.clones.building():
            new = self._make(path, operations(model)[path])
            new.build(shape)
        self.clones.carry(self._carry)
        return new

    def _begin(self, model: keras.Model) -> None:
        check_same(model, self.graph)
        found = operations(model)
        self.labels = {id(found[weight.layer].weights[weight.index]): weight for weight in self.graph.weights}
        self.clones = Clones(model)

    def _carry(self, path: str, index: int, source, target) -> None:
        labels = self.labels.get(id(source))
        keep = self.silent if path in self.graph.inexact and self.keep is None else self.keep
        if labels is not None and keep is not None and any(vector is not None for vector in labels.axes):
            value = np.asarray(keras.ops.stop_gradient(source[...]))  # a slice becomes an array without a copy
            value = cut(value, labels.axes, keep)
            target.assign(value if labels.share is None or self.keep is None else value * labels.share.under(keep))
        elif labels is not None and self.silent is not None and labels.inner:
            target.assign(silence(keras.ops.convert_to_numpy(source), labels.axes, labels.inner, self.silent))
        else:
            # A copy, because JAX gives the memory of a model's weights away when the model runs.
            target.assign(keras.ops.copy(source))


def _carry_assets(old: keras.layers.Layer, new: keras.layers.Layer) -> None:
    """Give a layer the vocabulary that another has learned, which is neither weight nor configuration."""
    variables: dict = {}
    old.save_own_variables(variables)
    new.load_own_variables(variables)
    with temporary_folder() as folder:
        old.save_assets(str(folder))
        new.load_assets(str(folder))


def check_same(model: keras.Model, graph: ChannelGraph) -> None:
    """Raise where the graph is a trace of another model.

    Raises:
        GraphError: A layer is missing, or a weight has another shape.
    """
    found = operations(model)
    for weight in graph.weights:
        layer = found.get(weight.layer)
        shape = layer and tuple(layer.weights[weight.index].shape) if _has(layer, weight.index) else None
        if shape != weight.shape:
            raise GraphError(
                f"The graph is a trace of another model: it has a weight of shape {weight.shape} in `{weight.layer}`, "
                f"{model.name!r} has {shape or 'none'} there. Trace this model."
            )


def copy_trainable(old: keras.layers.Layer, new: keras.layers.Layer) -> None:
    """Give a layer and its weights the `trainable` flags of another."""
    if new.trainable != old.trainable:
        new.trainable = old.trainable
    for source, target in zip(old.weights, new.weights, strict=True):
        if target.trainable != source.trainable:
            target.trainable = source.trainable


def compile_like(new: keras.Model, old: keras.Model) -> None:
    """Compile `new` with the settings of `old`, with an optimizer and metrics of its own; nothing if `old` is not.

    A model with a `compile` of its own is left for its owner to compile.
    """
    settings = getattr(old, "_compile_config", None)
    if not old.compiled or settings is None or type(new).compile is not keras.Model.compile:
        return
    arguments = {**settings.config}
    for name in ("optimizer", "metrics", "weighted_metrics"):
        if arguments.get(name) is not None:
            arguments[name] = keras.tree.map_structure(_fresh, arguments[name])
    new.compile(**arguments)


def compiled_metrics(model: keras.Model) -> Callable[[], dict] | None:
    """Makes the metrics that a model was compiled with anew, as arguments of `compile`; None where it has none."""
    settings = getattr(model, "_compile_config", None)
    if not getattr(model, "compiled", False) or settings is None:
        return None
    given = {name: settings.config.get(name) for name in ("metrics", "weighted_metrics")}
    if all(value is None or not keras.tree.flatten(value) for value in given.values()):
        return None
    return lambda: {name: keras.tree.map_structure(_fresh, value) for name, value in given.items() if value is not None}


def _fresh(item):
    """A new object with the same settings, where the object has state of its own."""
    if isinstance(item, (keras.optimizers.Optimizer, keras.metrics.Metric)):
        return type(item).from_config(item.get_config())
    return item


def _like(value, old):
    """An argument of a call in the place of `old`: a tensor for an array, anything else as it is."""
    return keras.ops.convert_to_tensor(value, old.dtype) if hasattr(old, "dtype") else value


def _multiplied(tensor, operation: keras.Operation, share: Share | None, keep: np.ndarray):
    """The output of an operation, multiplied by what corrects it for the channels that it does not see any more."""
    factor = 1.0 if share is None else share.under(keep)
    if factor == 1.0:
        return tensor
    tensor = tensor * factor
    tensor._keras_history.operation.name = factor_name(operation.name, share)
    return tensor


def _resolve(value, keep: np.ndarray):
    """The value of a configuration entry under `keep`; arrays become lists, which a configuration can hold."""
    if isinstance(value, (Count, Share, Whole)):
        return value.under(keep)
    if isinstance(value, Pick):
        return value.under(keep).tolist()
    if isinstance(value, (tuple, list)):
        return type(value)(_resolve(item, keep) for item in value)
    if isinstance(value, slice):
        return slice(_resolve(value.start, keep), _resolve(value.stop, keep), value.step)
    if isinstance(value, dict):
        return {key: _resolve(item, keep) for key, item in value.items()}
    return value


def _has(layer, index: int) -> bool:
    return layer is not None and index < len(layer.weights)


_ZEROS = keras.initializers.Zeros()
