"""Reading a Keras model as a list of calls; this file and `replay` are the only readers of Keras' graph internals."""

from collections.abc import Iterator, Mapping

import keras

from kerasprune.core import GraphError
from kerasprune.graph.call import Call, symbolic_leaves


def is_graph(operation: object) -> bool:
    """Whether the operation is a Functional or Sequential model whose calls can be listed."""
    if isinstance(operation, keras.Sequential):
        return type(operation).call is keras.Sequential.call
    functional = next((base for base in type(operation).__mro__ if base.__name__ == "Functional"), None)
    return functional is not None and type(operation).call is functional.call


def functional(model: keras.Model) -> keras.Model:
    """The Functional model that holds the calls of `model`: itself, or the one inside a Sequential.

    Raises:
        GraphError: The model's calls are not known: it is subclassed, or not built yet.
    """
    if not isinstance(model, keras.Model):
        raise GraphError(f"A model must be a keras.Model. Received: {type(model).__name__}.")
    if not is_graph(model):
        raise GraphError(
            f"{type(model).__name__} {model.name!r} is subclassed: its calls are not known before it runs. "
            "Build it with the functional API, or pass one of its functional parts."
        )
    graph = getattr(model, "_functional", model) if isinstance(model, keras.Sequential) else model
    if graph is None:
        raise GraphError(
            f"The Sequential model {model.name!r} is not built: its input shape is not known. "
            "Add a keras.Input as its first layer, or call model.build(input_shape)."
        )
    return graph


def as_inputs(model: keras.Model, flat: list) -> object:
    """A list of what stands for the inputs of a model, in the structure in which the model takes them."""
    return keras.tree.pack_sequence_as(functional(model)._inputs_struct, flat)


def as_outputs(model: keras.Model, flat: list) -> object:
    """A list of what stands for the outputs of a model, in the structure in which the model gives them."""
    return keras.tree.pack_sequence_as(functional(model)._outputs_struct, flat)


def loss_weights(model: keras.Model) -> object:
    """The weights of the losses that a compiled model was compiled with; None for none."""
    return model._compile_config.config.get("loss_weights")


def layers_inside(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layer and all layers that it holds, at any depth."""
    return list(layer._flatten_layers())


def attributes(layer: keras.layers.Layer) -> dict[str, object]:
    """What the attributes of a layer hold, by name; torch keeps the layers among them apart."""
    modules = vars(layer).get("_modules", {}).items()
    return vars(layer) | {name: part for name, part in modules if isinstance(part, keras.layers.Layer)}


def held_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """All layers that the layer holds, at any depth, without itself."""
    return layer._flatten_layers(include_self=False) if layer._layers else []


def shared_layers(model: keras.Model) -> set[int]:
    """The `id` of every layer that more than one layer or model holds."""
    holders: dict[int, set[int]] = {}
    for holder in model._flatten_layers():
        graph = getattr(holder, "_functional", None) or holder  # a Sequential and the model inside it are one
        for part in holder._layers:
            holders.setdefault(id(part), set()).add(id(graph))
    return {part for part, found in holders.items() if len(found) > 1}


def join(prefix: str, name: str) -> str:
    """The path of `name` inside `prefix`."""
    return f"{prefix}/{name}" if prefix else name


def calls_of(model: keras.Model, prefix: str = "") -> Iterator[Call]:
    """The calls of one model in the order of execution; the insides of nested models are not listed.

    Args:
        model: A Functional or Sequential model.
        prefix: The path of the model, empty for the outermost.
    """
    graph = functional(model)
    counts: dict[int, int] = {}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            operation = node.operation
            if operation is None or node.is_input:
                continue
            number = counts[id(operation)] = counts.get(id(operation), -1) + 1
            path = join(prefix, operation.name)
            yield Call(
                key=f"{path}#{number}",
                path=path,
                operation=operation,
                inputs=_inputs(operation, node.arguments),
                outputs=tuple(node.outputs),
                arguments=(node.arguments.args, node.arguments.kwargs),
            )


def all_calls(model: keras.Model, prefix: str = "") -> Iterator[Call]:
    """As `calls_of`, with those inside a nested model behind the call of it."""
    for call in calls_of(model, prefix):
        yield call
        if is_graph(call.operation):
            yield from all_calls(call.operation, call.path)


def align(structure, names: list[str]) -> list:
    """The parts of a user's structure of inputs, labels or losses, in the order of the names of a model's tensors."""
    if isinstance(structure, Mapping) and set(names) <= set(structure):
        return [structure[name] for name in names]
    return keras.tree.flatten(structure)


def align_inputs(structure, tensors: list[keras.KerasTensor]) -> list:
    """The parts of a user's structure of inputs in the order of a model's input tensors.

    An array whose last axis of size 1 is missing or too many, as that of a Series of pandas, gets or loses it, as in
    Keras itself.
    """
    arrays = align(structure, [tensor.name for tensor in tensors])
    if len(arrays) != len(tensors):
        return arrays
    return [_with_rank(array, tensor.shape) for array, tensor in zip(arrays, tensors, strict=True)]


def _with_rank(array, shape: tuple):
    rank = len(array.shape)
    if rank == len(shape) - 1 and shape[-1] == 1:
        return array[..., None]
    return array[..., 0] if rank == len(shape) + 1 and array.shape[-1] == 1 else array


def calls_between(inputs: list[keras.KerasTensor], outputs: list[keras.KerasTensor]) -> list[Call]:
    """The calls that lead from `inputs`, tensors that no call made, to `outputs`, in the order of execution."""
    done = {id(tensor) for tensor in inputs}
    found: list[Call] = []
    pending = list(outputs)[::-1]
    while pending:
        tensor = pending[-1]
        if id(tensor) in done:
            pending.pop()
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        missing = [other for other in node.arguments.keras_tensors if id(other) not in done]
        if missing:
            pending += missing[::-1]
            continue
        done.update(map(id, node.outputs))
        name = node.operation.name
        arguments = (node.arguments.args, node.arguments.kwargs)
        found.append(
            Call(name, name, node.operation, tuple(node.arguments.keras_tensors), tuple(node.outputs), arguments)
        )
    return found


def calls_on(tensor: keras.KerasTensor) -> list[tuple[keras.Operation, list[keras.KerasTensor]]]:
    """The operations that are called on a tensor, each with what the call returns."""
    maker = getattr(tensor, "_keras_history", None)
    if maker is None:
        return []
    nodes = maker.operation._outbound_nodes
    return [
        (node.operation, list(node.outputs))
        for node in nodes
        if any(each is tensor for each in node.arguments.keras_tensors)
    ]


def number_of_calls(operation: keras.Operation) -> tuple[int, int]:
    """How many calls Keras has noted that an operation made, and that used its outputs."""
    return len(operation._inbound_nodes), len(operation._outbound_nodes)


def forget_calls_since(operation: keras.Operation, number: tuple[int, int]) -> None:
    """Remove the calls that were noted after `number_of_calls` gave `number`."""
    del operation._inbound_nodes[number[0] :]
    del operation._outbound_nodes[number[1] :]


def _inputs(operation: keras.Operation, arguments) -> tuple[keras.KerasTensor, ...]:
    if not is_graph(operation):
        return tuple(arguments.keras_tensors)
    given = arguments.args[0] if arguments.args else arguments.kwargs["inputs"]
    return tuple(symbolic_leaves(given))


def operations(model: keras.Model) -> dict[str, keras.Operation]:
    """Every layer and operation that is not itself a model, by path; an object met twice has its first path."""
    found: dict[str, keras.Operation] = {}
    _collect(model, "", found, set())
    return found


def _collect(model, prefix, found, seen) -> None:
    for call in calls_of(model, prefix):
        if id(call.operation) in seen:
            continue
        seen.add(id(call.operation))
        if is_graph(call.operation):
            _collect(call.operation, call.path, found, seen)
        else:
            found[call.path] = call.operation
