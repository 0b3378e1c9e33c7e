"""A copy of a model in which something happens wherever channels are read."""

import keras

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.graph import Node, Rebuild
from kerasprune.layers.insert import AtRead, reading_call


def instrument(
    model: keras.Model, graph: ChannelGraph, at_read: AtRead, apart: tuple[type[keras.layers.Layer], ...] = ()
) -> keras.Model:
    """Copy a model and its weights, with nested models laid flat, and call `at_read` at every read.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        at_read: What happens to a tensor before an operation reads its channels.
        apart: Layers of these classes whose activation becomes a call of its own.

    Returns:
        A model with the inputs and outputs of `model`, in which the layers of `model` are frozen.

    Raises:
        GraphError: Nothing reads a channel that another layer makes.
    """
    if not any(axes for node in graph.nodes for axes in node.reads):
        raise GraphError(
            f"No layer of {model.name!r} reads channels that another layer makes, so nothing can be measured there. "
            "Use a criterion that looks at weights: 'magnitude'."
        )
    copies: list[keras.layers.Layer] = []
    activations: dict[int, keras.layers.Activation] = {}
    reading = reading_call(graph, at_read)

    def call(node: Node, operation: keras.Operation, args: tuple, kwargs: dict):
        if isinstance(operation, keras.layers.Layer):
            copies.append(operation)
        if type(operation) in apart and id(operation) not in activations:
            activations[id(operation)] = keras.layers.Activation(
                operation.activation, name=f"{operation.name}_own_activation", dtype=operation.dtype_policy
            )
            operation.activation = None
        outputs = reading(node, operation, args, kwargs)
        return activations[id(operation)](outputs) if id(operation) in activations else outputs

    copy = Rebuild(graph).run(model, call, nested=False)
    for layer in copies:
        layer.trainable = False
    return copy
