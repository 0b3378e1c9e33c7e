"""One interpreter of a model's graph, with the behaviour passed in: slimming, masking and gating replay the model."""

from collections.abc import Callable, Sequence

import keras

from kerasprune.core import name_of
from kerasprune.graph.call import Call, Env, run
from kerasprune.graph.walk import as_inputs, as_outputs, calls_of, functional, is_graph, join

Make = Callable[[str, keras.Operation], keras.Operation]
# Makes one call of the new model: gets the old call, the new operation and the new arguments, returns the outputs.
AtCall = Callable[[Call, keras.Operation, tuple, dict], object]


class Replay:
    """The state of one replay: what was made for each of the old operations."""

    def __init__(self, make: Make, at_call: AtCall | None, nested: bool):
        self.make = make
        self.at_call = at_call or make_call
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
        return with_flag(keras.Model(as_inputs(model, inputs), as_outputs(model, outputs), name=model.name), model)

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
            elif not getattr(operation, "_call_has_training_arg", True):  # a nested model would hand it to the layer
                kwargs = {name: value for name, value in kwargs.items() if name != "training"}
            return self.at_call(call, operation, args, kwargs)

        return perform

    def operation(self, path: str, old: keras.Operation, arguments: list | None = None) -> keras.Operation:
        """What stands for `old`, made at its first call."""
        if id(old) not in self.made:
            new = self.model(old, path, arguments) if is_graph(old) else self.make(path, old)
            if not self.nested and "/" in path and new is not old:
                new.name = name_of(path)
            self.made[id(old)] = new
        return self.made[id(old)]


def make_call(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
    """Make a call of the new model as it was in the old one; passed on purpose, it makes a Sequential functional."""
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
