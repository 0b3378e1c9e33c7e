"""A network of dense layers as units and the weights between them."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import GraphError
from kerasprune.graph import Call, Env, LinearLayer, Program, find_linear_layer, find_rule, run, trace


@dataclass(frozen=True, eq=False)
class Edges:
    """The weights of one layer that are not zero.

    Attributes:
        layer: Its path.
        sources: int (n,), the units that they leave.
        targets: int (n,), the units that they reach.
        weights: float (n,).
    """

    layer: str
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Units:
    """Input features, neurons and what joins them; a unit has a higher number than those it is computed from.

    Attributes:
        depth: int (num_units,), 0 for input features, else one more than the deepest source's.
        inputs: int (features,), the units of the input features, in the order of the flattened inputs.
        outputs: int (classes,), the units of the flattened outputs.
        edges: The layers, in the order of execution.
        size: The number of weights between units, zeros included.
    """

    depth: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    edges: tuple[Edges, ...]
    size: int

    def live(self) -> np.ndarray:
        """Units on a path from an input to an output: bool (num_units,)."""
        fed, used = np.zeros(len(self.depth), bool), np.zeros(len(self.depth), bool)
        fed[self.inputs] = used[self.outputs] = True
        for layer in self.edges:
            np.logical_or.at(fed, layer.targets, fed[layer.sources])
        for layer in reversed(self.edges):
            np.logical_or.at(used, layer.sources, used[layer.targets])
        return fed & used

    def live_edges(self) -> tuple[Edges, ...]:
        """The edges between units that are alive."""
        live = self.live()
        return tuple(
            Edges(layer.layer, layer.sources[on], layer.targets[on], layer.weights[on])
            for layer in self.edges
            for on in [live[layer.sources] & live[layer.targets]]
        )


def read_units(model: keras.Model) -> Units:
    """The units of a model of dense layers, activations and normalization, flattening, concatenation and addition.

    Activations and normalization belong to their unit; a softmax, which lets every class depend on every other, is
    looked through.

    Args:
        model: A functional model.

    Raises:
        GraphError: A layer is none of these.
    """
    reader = _Reader()
    program = Program(model, trace(model))
    env = run(program.calls, {id(tensor): reader.new(tensor.shape[1:], 0) for tensor in program.inputs}, reader.perform)
    inputs = [env[id(tensor)].ravel() for tensor in program.inputs]
    outputs = [env[id(tensor)].ravel() for tensor in program.outputs]
    return Units(
        depth=np.array(reader.depth),
        inputs=np.concatenate(inputs),
        outputs=np.concatenate(outputs),
        edges=tuple(reader.edges),
        size=reader.size,
    )


class _Reader:
    """Numbers the entries of one sample of every tensor."""

    def __init__(self):
        self.depth: list[int] = []
        self.edges: list[Edges] = []
        self.size = 0

    def perform(self, call: Call, env: Env) -> np.ndarray:
        """The numbers of what a call puts out."""
        (output,) = call.outputs
        return self._numbers(call, [env[id(tensor)] for tensor in call.inputs], output.shape[1:])

    def new(self, shape, depth: int) -> np.ndarray:
        """Numbers that no entry has."""
        first = len(self.depth)
        self.depth += [depth] * int(np.prod(shape))
        return np.arange(first, len(self.depth)).reshape(shape)

    def _numbers(self, call, inputs: list[np.ndarray], shape) -> np.ndarray:
        layer, rule = call.operation, find_rule(call.operation)
        linear = find_linear_layer(layer)
        if linear is not None and linear.is_plain and inputs[0].ndim == 1:
            return self._product(call, linear, inputs[0])
        if isinstance(layer, keras.layers.Concatenate):
            axis = layer.axis if layer.axis < 0 else layer.axis - 1
            return np.concatenate(inputs, axis=axis)
        if isinstance(layer, (keras.layers.Flatten, keras.layers.Reshape)):
            return inputs[0].reshape(shape)
        same = all(numbers.shape == tuple(shape) for numbers in inputs)
        if same and rule is not None and rule.behaviour in ("channelwise", "carry") and len(inputs) == 1:
            return inputs[0]
        if same and isinstance(layer, (keras.layers.Add, keras.layers.Average)):
            return self._sum(call, inputs, shape)
        raise GraphError(
            f"Only networks of dense layers can be read weight by weight; `{call.path}` is a {type(layer).__name__}. "
            "A model from `sparsify` needs `strip` first."
        )

    def _product(self, call, linear: LinearLayer, inputs: np.ndarray) -> np.ndarray:
        (kernel,) = linear.matrix
        outputs = self.new((kernel.shape[1],), 1 + max(self.depth[unit] for unit in inputs))
        rows, columns = np.nonzero(kernel)
        self.edges.append(Edges(call.path, inputs[rows], outputs[columns], kernel[rows, columns]))
        self.size += kernel.size
        return outputs

    def _sum(self, call, inputs: list[np.ndarray], shape) -> np.ndarray:
        outputs = self.new(shape, 1 + max(self.depth[unit] for numbers in inputs for unit in numbers.ravel()))
        sources = np.concatenate([numbers.ravel() for numbers in inputs])
        targets = np.tile(outputs.ravel(), len(inputs))
        self.edges.append(Edges(call.path, sources, targets, np.ones(len(sources))))
        return outputs
