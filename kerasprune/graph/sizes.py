"""The sizes of all tensors of a model at one size of what it leaves open."""

import functools
from collections.abc import Sequence

import keras

from kerasprune.core import GraphError
from kerasprune.graph.at_sizes import OF_TENSOR, AtSizes
from kerasprune.graph.call import Call, Carried, Env, run, symbolic_leaves
from kerasprune.graph.known_sizes import einsum_specification
from kerasprune.graph.own_weight import OwnWeight
from kerasprune.graph.site import symbolic
from kerasprune.graph.walk import calls_of, functional, is_graph

# What an unknown dimension counts as, by the rank of the input; see `trace`.
_UNKNOWN = {4: 224, 5: 32}
_UNKNOWN_ELSE = 64
# By what it is multiplied, where a model cannot take it: a first kernel may be longer.
_TRIED = (1, 2, 4, 16, 64, 256, 1024)


def without_samples(call: Call, carried: Sequence[Carried]) -> bool:
    """Whether the call returns a weight as it is, or something made of sizes, without an axis of samples."""
    if isinstance(call.operation, AtSizes):
        of_weights = all(each.of_weights for each in carried[: call.operation.function in OF_TENSOR])
        return of_weights and not call.operation.has_samples
    return isinstance(call.operation, OwnWeight) and len(call.arguments[0]) == 1 and not call.arguments[1].get("rank")


def output_sizes(call: Call, env: Env) -> list[tuple]:
    """The outputs' shapes with a batch of 1 and numbers for all unknown dimensions."""
    known = [tensor.shape for tensor in call.outputs]
    of_weight = isinstance(call.operation, OwnWeight) and without_samples(call, ())
    of_samples = all(env[id(tensor)].sizes[:1] == (1,) for tensor in call.inputs)
    plain = of_samples and not isinstance(call.operation, AtSizes) and not is_graph(call.operation)
    if of_weight or plain and all(None not in shape[1:] for shape in known):
        return known if of_weight else [(1, *shape[1:]) for shape in known]
    tensors = symbolic_leaves(call.arguments)
    args, kwargs = call.fill({id(tensor): symbolic(env[id(tensor)].sizes, tensor) for tensor in tensors})
    specify = call.operation.compute_output_spec
    if type(call.operation) is keras.layers.EinsumDense:
        specify = functools.partial(einsum_specification, call.operation)
    specs = keras.tree.flatten(specify(*args, **kwargs))
    return [_without_none(tuple(spec.shape), env[id(call.inputs[0])].sizes) for spec in specs]


def _without_none(shape: tuple, like: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes that even a known input leaves open are those of the input, or 1 where the ranks differ."""
    like = like if len(like) == len(shape) else (1,) * len(shape)
    return tuple(other if size is None else size for size, other in zip(shape, like, strict=True))


def sizes_that_work(model: keras.Model, input_shape) -> list[tuple[int, ...]]:
    """The input shapes at which a model is priced: those given, or the first multiple of the usual ones that it takes.

    Raises:
        GraphError: The model takes no input of the given shape, or of any that was tried.
    """
    inputs = functional(model).inputs
    if all(None not in tensor.shape[1:] for tensor in inputs):
        return _input_sizes(inputs, input_shape)
    for times in (1,) if input_shape is not None else _TRIED:
        sizes = _input_sizes(inputs, input_shape, times)
        try:
            _carry_sizes(model, sizes)
            return sizes
        except Exception as raised:  # the layers of Keras, and those of users, raise what they like
            error = raised
    given = f"input_shape={input_shape}" if input_shape is not None else f"sizes up to {sizes}"
    raise GraphError(
        f"{model.name!r} cannot take an input of this size. Tried: {given}. "
        f"Pass `input_shape=`, the shape of one sample that it can take. It says: {str(error).strip().splitlines()[-1]}"
    ) from error


def _carry_sizes(model: keras.Model, sizes: list[tuple]) -> None:
    """Carry the sizes of the inputs alone through all calls."""
    env = {id(tensor): Carried((), size) for tensor, size in zip(functional(model).inputs, sizes, strict=True)}
    run(calls_of(model), env, lambda call, env: [Carried((), size) for size in output_sizes(call, env)])


def _input_sizes(tensors: Sequence[keras.KerasTensor], input_shape, times: int = 1) -> list[tuple[int, ...]]:
    shapes = [None] * len(tensors)
    if input_shape is not None:
        several = isinstance(input_shape[0], (tuple, list)) if len(input_shape) else False
        shapes = list(input_shape) if several else [input_shape]
        if len(shapes) != len(tensors):
            raise GraphError(f"The model has {len(tensors)} inputs. Received: input_shape={input_shape}.")
    sizes = []
    for tensor, shape in zip(tensors, shapes, strict=True):
        rank = len(tensor.shape)
        shape = tuple(shape) if shape is not None else (times * _UNKNOWN.get(rank, _UNKNOWN_ELSE),) * (rank - 1)
        if len(shape) != rank - 1:
            raise GraphError(f"Input `{tensor.name}` has shape {tensor.shape[1:]}. Received: input_shape={shape}.")
        sizes.append((1, *(given if own is None else own for own, given in zip(tensor.shape[1:], shape, strict=True))))
    return sizes
