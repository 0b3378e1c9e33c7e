"""The calls of a model made on data one after the other, by its own layers: nothing is copied or built."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras

from kerasprune.core import ChannelGraph
from kerasprune.graph.call import Call, Env, Labelled, Perform, run
from kerasprune.graph.replay import AtCall
from kerasprune.graph.walk import calls_of, functional, is_graph, operations


@dataclass(frozen=True, eq=False)
class Execution:
    """How the calls of a model are made, in inference mode.

    Attributes:
        at_call: Makes one call; by default the operation is called with the arguments. The calls have labels.
        graph: The trace of the model, where the calls shall have labels.
        others: By path, what is called in the place of an operation of the model.
        weights: By path and position in `layer.weights`, values that stand for those of the model.
    """

    at_call: AtCall | None = None
    graph: ChannelGraph | None = None
    others: Mapping[str, keras.Operation] = field(default_factory=dict)
    weights: Mapping[tuple[str, int], object] = field(default_factory=dict)

    def run(self, model: keras.Model, x) -> tuple[list, dict[str, list]]:
        """Carry inputs through a model.

        Args:
            model: A model whose parts are laid open; it stays as it is.
            x: What the model is called with.

        Returns:
            The outputs of the model, flattened, and those of every call, inside nested models too, by its key.
        """
        found: dict[str, list] = {}
        label = (lambda call: call) if self.graph is None else Labelled(self.graph)

        def perform(call: Call, env: Env):
            if is_graph(call.operation):
                return _through(call.operation, call.path, [env[id(tensor)] for tensor in call.inputs], perform)
            outputs = self._made(label(call), *call.fill(env))
            found[call.key] = keras.tree.flatten(outputs)
            return outputs

        layers = operations(model) if self.weights else {}
        values = [(layers[path].weights[index], value) for (path, index), value in self.weights.items()]
        with keras.StatelessScope(values) if values else contextlib.nullcontext():
            return _through(model, "", functional(model)._standardize_inputs(x), perform), found

    def _made(self, call: Call, args: tuple, kwargs: dict):
        if getattr(call.operation, "_call_has_training_arg", False):
            kwargs = {**kwargs, "training": False}
        operation = self.others.get(call.path, call.operation)
        return self.at_call(call, operation, args, kwargs) if self.at_call else operation(*args, **kwargs)


def _through(model: keras.Model, prefix: str, inputs: list, perform: Perform) -> list:
    """The flat outputs of a model or of one inside it."""
    graph = functional(model)
    env = {id(symbol): _like(symbol, tensor) for symbol, tensor in zip(graph.inputs, inputs, strict=True)}
    run(calls_of(model, prefix), env, perform)
    return [env[id(tensor)] for tensor in graph.outputs]


def _like(symbol: keras.KerasTensor, tensor):
    """As Keras hands a tensor to a model inside another one: in the type of its input."""
    same = tensor is None or keras.backend.standardize_dtype(tensor.dtype) == symbol.dtype
    return tensor if same else keras.ops.cast(tensor, symbol.dtype)
