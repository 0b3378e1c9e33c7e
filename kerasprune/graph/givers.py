"""The weights that a layer itself computes with, given to its operations by layers that hold one weight each."""

import dataclasses
import string
from collections.abc import Sequence

import keras

from kerasprune.graph.call import Call
from kerasprune.graph.own_weight import OwnWeight

layers = keras.layers


class UnlikeUseError(Exception):
    """A weight is used in several ways, so no one layer can give it; the text says so, without naming the layer."""


class WeightTensor(keras.KerasTensor):
    """Stands for a weight while the call of its layer is recorded.

    Args:
        layer: The layer.
        variable: The weight.
        name: What the layer calls it, where the weight has no name of its own.
    """

    def __init__(self, layer: layers.Layer, variable: keras.Variable, name: str):
        floating = keras.backend.is_float_dtype(variable.dtype) and layer.autocast
        super().__init__(variable.shape, dtype=layer.compute_dtype if floating else variable.dtype)
        self.variable = variable
        self.attribute = (name if variable.name.startswith("variable") else variable.name).strip("_")

    @property
    def value(self) -> "WeightTensor":
        """Itself, as the value of a variable is the tensor in it."""
        return self

    def __getitem__(self, key):
        return super().__getitem__((key,) if isinstance(key, slice) else key)  # Keras wants the tuple


def put_weight_tensors(layer: layers.Layer) -> list[WeightTensor]:
    """Put tensors in the place of the weights among the layer's attributes; weights of its parts stay.

    Only for a while: whoever calls this puts the attributes back.
    """
    lists = (layer._trainable_variables, layer._non_trainable_variables)
    own = {id(variable) for variables in lists for variable in variables}
    made: dict[int, WeightTensor] = {}

    def stand_in(leaf, name: str):
        if id(leaf) not in own:
            return leaf
        return made.setdefault(id(leaf), WeightTensor(layer, leaf, name))

    for name, value in list(vars(layer).items()):
        tracked = name.startswith("_self_") or any(value is known for known in lists)  # by TensorFlow, by Keras
        if isinstance(value, (keras.Variable, list, tuple, dict)) and not tracked:
            leaves = keras.tree.flatten(value)
            if any(id(leaf) in own for leaf in leaves):
                vars(layer)[name] = keras.tree.pack_sequence_as(value, [stand_in(leaf, name) for leaf in leaves])
    return list(made.values())


class Givers:
    """Layers that hold one weight each, made once for every weight.

    Attributes:
        by_weight: The layer that has a weight, by the identity of the weight.
    """

    def __init__(self):
        self.by_weight: dict[int, layers.Layer] = {}

    def give(
        self, layer: layers.Layer, tensors: Sequence[WeightTensor], inputs, calls: list[Call], outputs
    ) -> list[Call]:
        """The calls of a recording, with those in front of them that give the weights.

        Where a weight is used once, in a product that a stock layer computes, that layer stands for the product.

        Args:
            layer: The layer that was recorded.
            tensors: What stands for its weights.
            inputs: What stands for the tensors that it is called on; there must be one if a weight is used.
            calls: The calls that it makes.
            outputs: Its outputs, flattened.
        """
        found: list[Call] = list(calls)
        given: list[Call] = []
        made_of_weights = _made_of(tensors, calls)
        for tensor in tensors:
            users = [number for number, call in enumerate(found) if any(other is tensor for other in call.inputs)]
            returned = any(other is tensor for other in outputs)
            stock = None
            if len(users) == 1 and not returned:
                stock = _stock_call(layer, tensor, found[users[0]], made_of_weights)
            if stock is not None:
                operation = self._only(tensor, stock.operation)
                found[users[0]] = dataclasses.replace(stock, operation=operation)
            elif users or returned:
                holder = self._only(tensor, _holder(layer, tensor))
                found = [_for_samples(call, tensor, holder, inputs[0]) for call in found]
                given.append(_call(holder, inputs[0], (tensor,)))
        return given + found

    def _only(self, tensor: WeightTensor, made: layers.Layer) -> layers.Layer:
        """The layer that has the weight already, or else the one that was made."""
        known = self.by_weight.setdefault(id(tensor.variable), made)
        if known is not made and (type(known) is not type(made) or known.get_config() != made.get_config()):
            raise UnlikeUseError(f"it uses its weight `{tensor.attribute}` in another way at each call")
        return known


def _made_of(tensors: Sequence[WeightTensor], calls: Sequence[Call]) -> set[int]:
    """The identities of the tensors that are made of weights alone."""
    made = {id(tensor) for tensor in tensors}
    for call in calls:
        if call.inputs and all(id(tensor) in made for tensor in call.inputs):
            made.update(map(id, call.outputs))
    return made


def _call(operation: keras.Operation, tensor, outputs: tuple, **options) -> Call:
    return Call(operation.name, operation.name, operation, (tensor,), outputs, ((tensor,), options))


def _holder(layer: layers.Layer, tensor: WeightTensor) -> OwnWeight:
    variable = tensor.variable
    usual = variable.dtype == layer.variable_dtype
    holder = OwnWeight(
        variable.shape,
        None if usual else variable.dtype,
        variable.regularizer,
        variable.constraint,
        **_options(layer, tensor),
    )
    holder.weight = variable
    holder.built = True
    return holder


def _for_samples(call: Call, tensor: WeightTensor, holder: OwnWeight, anchor: keras.KerasTensor) -> Call:
    """The call, or that of the holder where the call repeats the weight for every sample."""
    repeated = any(other is tensor for other in call.inputs) and _repeats(call, tensor, anchor.shape[0])
    return _call(holder, anchor, call.outputs, rank=len(call.outputs[0].shape)) if repeated else call


def _repeats(call: Call, tensor: WeightTensor, batch: int | None) -> bool:
    """Whether the call gives every sample of a batch of this size the weight, and does no more."""
    operation, kind = call.operation, type(call.operation).__name__
    result = call.outputs[0].shape
    rest = tensor.shape if len(result) > len(tensor.shape) else tensor.shape[1:]
    if len(call.inputs) != 1 or result[1:] != rest or (rest is not tensor.shape and tensor.shape[0] != 1):
        return False
    if kind == "BroadcastTo":
        return operation.shape[0] == batch
    if kind == "Repeat":
        return operation.axis == 0 and operation.repeats == batch
    return kind == "Tile" and tuple(operation.repeats) == (batch, *(1,) * (len(result) - 1))


def _stock_call(layer: layers.Layer, tensor: WeightTensor, call: Call, made_of_weights: set[int]) -> Call | None:
    """The call of a stock layer that has the weight and computes what the call does; None if there is none."""
    leaves = keras.tree.flatten(call.arguments)
    others = [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor) and leaf is not tensor]
    make = _STOCK.get(type(call.operation).__name__)
    floating = keras.backend.is_float_dtype(tensor.variable.dtype)
    if make is None or len(others) != 1 or id(others[0]) in made_of_weights or not floating:
        return None
    stock = make(call.operation, others[0], tensor, leaves[0] is tensor, _options(layer, tensor, "kernel_"))
    if stock is None:
        return None
    stock._kernel = tensor.variable
    stock.built = True
    return _call(stock, others[0], call.outputs)


def _factor(operation, x, weight, first: bool, options: dict) -> layers.Layer | None:
    if len(weight.shape) != 1 or len(x.shape) < 2 or x.shape[-1] != weight.shape[0]:
        return None
    if len(x.shape) <= 3:
        return layers.EinsumDense("...c,c->...c", weight.shape, **options)
    letters = string.ascii_lowercase[: len(x.shape)]  # of several axes in an ellipsis Keras confuses the sizes
    shape = (*x.shape[1:-1], *weight.shape)
    return layers.EinsumDense(f"{letters},{letters[-1]}->{letters}", shape, **options)


def _matrix(operation, x, weight, first: bool, options: dict) -> layers.Layer | None:
    if first or len(weight.shape) != 2 or len(x.shape) < 2:
        return None
    return layers.Dense(weight.shape[1], use_bias=False, **options)


def _einsum(operation, x, weight, first: bool, options: dict) -> layers.Layer | None:
    left, arrow, output = operation.subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or len(terms) != 2 or "." in left:
        return None
    kernel, given = terms if first else terms[::-1]
    distinct = all(len(set(term)) == len(term) for term in (kernel, given, output))
    by_sample = given[:1] == output[:1] and given[:1] not in kernel
    known = set(kernel) <= set(given + output) and set(output) <= set(given + kernel)
    if not distinct or not by_sample or not known or len(output) < 2:
        return None
    sizes = {**dict(zip(given, x.shape, strict=True)), **dict(zip(kernel, weight.shape, strict=True))}
    shape = tuple(sizes[letter] for letter in output[1:])
    return layers.EinsumDense(f"{given},{kernel}->{output}", shape, **options)


def _convolution(operation, x, weight, first: bool, options: dict) -> layers.Layer | None:
    spatial = len(weight.shape) - 2
    axis = 1 if operation.data_format == "channels_first" else -1
    if first or not 1 <= spatial <= 3 or x.shape[axis] is None:
        return None
    return getattr(layers, f"Conv{spatial}D")(
        weight.shape[-1],
        weight.shape[:spatial],
        strides=operation.strides,
        padding=operation.padding,
        data_format=operation.data_format,
        dilation_rate=operation.dilation_rate,
        groups=x.shape[axis] // weight.shape[-2],
        use_bias=False,
        **options,
    )


_STOCK = {"Conv": _convolution, "Einsum": _einsum, "Matmul": _matrix, "Multiply": _factor}


def _options(layer: layers.Layer, tensor: WeightTensor, prefix: str = "") -> dict:
    """What a layer for the weight has in common with the layer whose weight it is."""
    variable = tensor.variable
    options = {"name": tensor.attribute, "dtype": layer.dtype_policy, "trainable": variable.trainable}
    if prefix:
        options |= {f"{prefix}regularizer": variable.regularizer, f"{prefix}constraint": variable.constraint}
    return options
