"""Models that carry layers of ours, opened: ordinary layers and masks stand in their places."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import Names
from kerasprune.graph import Call, Opened, accepted_by, is_graph, layers_inside, replay
from kerasprune.graph.rebuild import Clones
from kerasprune.slimming.neuron_mask import NeuronMask

# What is called in the place of a layer.
StandIn = Callable[..., object]


STAND_INS: dict[type[keras.layers.Layer], Callable[[keras.layers.Layer, "Opening"], StandIn]] = {}


def stand_in(layer: type[keras.layers.Layer]) -> Callable:
    """A decorator for a function that says what stands in inference for layers of this class, wherever one places them.

    The function gets the layer and the `Opening`, and returns what is called in its place. A model that is built around
    one layer is opened as a whole, see `kerasprune.graph.opener`.
    """

    def decorate(function):
        STAND_INS[layer] = function
        return function

    return decorate


def with_masks(opened: Opened) -> Opened:
    """The same with masks in the places of all gates that somebody has placed."""
    if not any(_find(layer) for layer in layers_inside(opened.flat)):
        return opened
    opening = Opening(opened.flat)
    return opened.instead(opening.run(), tuple(opening.remarks))


def like(new: keras.Model, model: keras.Model) -> keras.Model:
    """The new model as a Sequential one, if the other is."""
    if not isinstance(model, keras.Sequential) or isinstance(new, keras.Sequential):
        return new
    start, *layers = new.layers
    size = {"batch_shape": new.inputs[0].shape, "dtype": new.inputs[0].dtype, "name": start.name}
    sequential = keras.Sequential([keras.Input(**size), *layers], name=new.name)
    sequential.trainable = model.trainable
    return sequential


class Opening:
    """Copies of models in which what `STAND_INS` knows has made room for ordinary layers and masks.

    Args:
        model: The functional model to copy; it is not touched.

    Attributes:
        masks: Pairs of a layer of ours and the mask that stands for one of its calls.
        remarks: As in `Plain`.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.masks: list[tuple[keras.layers.Layer, NeuronMask]] = []
        self.remarks: list[str] = []
        self._clones = Clones(model)
        self._stand_ins: dict[int, StandIn] = {}
        self._values: dict[int, object] = {}
        self._names = Names()

    def run(self) -> keras.Model:
        """The opened copy, with its weights; it is not compiled."""
        with self._clones.building():
            new = self._replayed(self.model)
        self._clones.carry(self._carry)
        return like(new, self.model)

    def stand_in(self, layer: keras.layers.Layer, name: str | None = None) -> StandIn:
        """What is called in the place of a layer: a copy of it, perhaps under another name, where it is not ours."""
        if id(layer) not in self._stand_ins:
            found = _find(layer)
            if found is not None:
                self._stand_ins[id(layer)] = found(layer, self)
            elif is_graph(layer):
                self._stand_ins[id(layer)] = self._replayed(layer)
            else:
                self._stand_ins[id(layer)] = self._clones.make(layer.name, layer)
            if name is not None and isinstance(self._stand_ins[id(layer)], keras.layers.Layer):
                self._stand_ins[id(layer)].name = name
        return self._stand_ins[id(layer)]

    def masked(self, layer: keras.layers.Layer, tensor, keep: np.ndarray, axis: int, name: str):
        """The tensor behind a mask that stands for one call of a layer."""
        dtype = keras.DTypePolicy(tensor.dtype) if _is_float(tensor) else None
        mask = NeuronMask(keep, axis, name=self._names.unused(name), dtype=dtype)
        self.masks.append((layer, mask))
        return mask(tensor)

    def replace(self, variable, value) -> None:
        """In the copy the variable has this value."""
        self._values[id(variable)] = value

    def _carry(self, path: str, index: int, source, target) -> None:
        value = self._values.get(id(source))
        target.assign(keras.ops.copy(source) if value is None else value)

    def _replayed(self, model: keras.Model) -> keras.Model:
        return replay(model, self._make, self._at_call)

    def _make(self, path: str, old: keras.Operation) -> keras.Operation:
        return old if _find(old) else self._clones.make(path, old)

    def _at_call(self, call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        if _find(operation) is None:
            return operation(*args, **kwargs)
        found = self.stand_in(operation)
        given = {name: value for name, value in kwargs.items() if value is not None}  # wrappers take what is not there
        return found(*args, **accepted_by(found, given))


def is_ours(model: keras.Model) -> bool:
    """Whether anything in the model is a mask, or makes room for one when it is opened."""
    return any(isinstance(layer, NeuronMask) or _find(layer) for layer in layers_inside(model))


def without_masks(model: keras.Model, gone: Callable[[NeuronMask], bool]) -> keras.Model:
    """A copy of a functional model without the masks of which `gone` says so; the model itself if there are none."""
    leaves = {id(layer) for layer in layers_inside(model) if isinstance(layer, NeuronMask) and gone(layer)}
    if not leaves:
        return model
    clones = Clones(model)

    def make(path, operation):
        return operation if id(operation) in leaves else clones.make(path, operation)

    def at_call(call, operation, args, kwargs):
        return args[0] if id(operation) in leaves else operation(*args, **kwargs)

    with clones.building():
        copy = replay(model, make, at_call)
    clones.carry()
    return like(copy, model)


def _find(layer) -> Callable | None:
    return next((function for known, function in STAND_INS.items() if isinstance(layer, known)), None)


def _is_float(tensor) -> bool:
    return keras.backend.is_float_dtype(tensor.dtype)
