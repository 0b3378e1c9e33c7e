"""A model made anew, with the weights that it has."""

import keras

from kerasprune.graph.clone import replay
from kerasprune.graph.rebuild import Clones
from kerasprune.graph.unroll import unroll
from kerasprune.graph.walk import functional, is_graph, layers_inside


def copied(model: keras.Model, policy: str | None = None) -> keras.Model:
    """Build a model of the same layers and weights, made under the distribution that is in force now.

    Args:
        model: A Functional or Sequential model; or one that `unroll` knows. It is not touched.
        policy: The dtype policy under which layers compute that compute in float32; those that make the outputs keep
            theirs. None leaves all of them.

    Returns:
        A model with weights of its own, not compiled.

    Raises:
        GraphError: The model is subclassed and cannot be taken apart.
    """
    source = model if is_graph(model) else unroll(model)
    last = {id(tensor._keras_history.operation) for tensor in functional(source).outputs}
    clones = Clones(source)

    def make(path: str, old: keras.Operation) -> keras.Operation:
        new = clones.make(path, old)
        if policy is not None and id(old) not in last and isinstance(new, keras.layers.Layer):
            for layer in layers_inside(new):
                if layer.dtype_policy.name == "float32":
                    layer.dtype_policy = policy
        return new

    with clones.building():
        new = replay(source, make)
    clones.carry()
    return new
