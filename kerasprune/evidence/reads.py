"""Copies of a model in which something happens wherever channels are read."""

from collections.abc import Callable

import keras

from kerasprune.core import ChannelGraph, GraphError
from kerasprune.graph import Activations, AtCall, Call, Read, Rebuild

# Gets a tensor that is about to be read, a symbolic one or one with values; returns what the reader gets instead.
AtRead = Callable[[Read], keras.KerasTensor]

# Gets a call, the operation and the arguments; makes the call in its own way, or returns None.
Around = Callable[[Call, keras.Operation, tuple, dict], object]


def at_reads(at_read: AtRead, around: Around | None = None) -> AtCall:
    """What a `Rebuild` or an `Execution` does at every call so that `at_read` is called before every read.

    Args:
        at_read: What happens to a tensor before an operation reads its channels.
        around: Asked first about every call that reads.
    """

    def at_call(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        labels = call.labels
        if labels is None or not any(labels.reads):
            return operation(*args, **kwargs)
        outputs = around(call, operation, args, kwargs) if around else None
        if outputs is not None:
            return outputs
        more = {name: value for name, value in kwargs.items() if name not in call.arguments[1]}
        given = (args, {name: kwargs[name] for name in call.arguments[1]})
        leaves, old = keras.tree.flatten(given), keras.tree.flatten(call.arguments)
        places = [index for index, leaf in enumerate(old) if isinstance(leaf, keras.KerasTensor)]
        for place, (index, vectors, axes) in enumerate(zip(places, labels.inputs, labels.reads, strict=True)):
            for axis in axes:
                leaves[index] = at_read(Read(call, place, leaves[index], axis, vectors[axis]))
        args, kwargs = keras.tree.pack_sequence_as(given, leaves)
        return operation(*args, **kwargs, **more)

    return at_call


def instrument(model: keras.Model, graph: ChannelGraph, at_read: AtRead, apart: bool = False) -> keras.Model:
    """Copy a model and its weights, with nested models laid flat, and call `at_read` at every read.

    Args:
        model: The model; it is not touched.
        graph: Its trace.
        at_read: What happens to a tensor before an operation reads its channels.
        apart: Whether the activation of a linear layer becomes a call of its own.

    Returns:
        A model with the inputs and outputs of `model`, in which the layers of `model` are frozen.

    Raises:
        GraphError: Nothing reads a channel that another layer makes.
    """
    if not any(axes for labels in graph.calls for axes in labels.reads):
        raise GraphError(
            f"No layer of {model.name!r} reads channels that another layer makes, so nothing can be measured there. "
            "Use a criterion that looks at weights: 'magnitude'."
        )
    copies: list[keras.layers.Layer] = []
    activations = Activations() if apart else None
    reading = at_reads(at_read)

    def at_call(call: Call, operation: keras.Operation, args: tuple, kwargs: dict):
        if isinstance(operation, keras.layers.Layer):
            copies.append(operation)
        activation = activations.take(operation) if activations else None
        outputs = reading(call, operation, args, kwargs)
        return outputs if activation is None else activation(outputs)

    copy = Rebuild(graph).run(model, at_call, nested=False)
    for layer in copies:
        layer.trainable = False
    return copy
