"""Operations of TensorFlow written in others that TFLite has kernels for: one function each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kerasprune.core import Registry


class Occurrence(NamedTuple):
    """One operation of a traced function, to be written anew.

    Attributes:
        operation: The `tf.Operation`.
        inputs: The new tensors that stand for its inputs.
        new: Gives what stands for a tensor of the old graph that was made before.
        varies: Whether a tensor of the old graph depends on the inputs of the function.
    """

    operation: Any
    inputs: Sequence[Any]
    new: Callable[[Any], Any]
    varies: Callable[[Any], bool]


@dataclass(frozen=True)
class Form:
    """How an operation is written in others.

    Args:
        write: Returns what stands for its output, or the list of them; None where it stays as it is.
        bits: Of the activations of the recipes that need it; 0 stands for floating ones.
    """

    write: Callable[[Occurrence], Any]
    bits: tuple[int, ...]


FORMS = Registry("form")


def form(*types: str, bits: tuple[int, ...] = (8, 16)):
    """A decorator that makes a function known as the form of these types of operations."""

    def decorate(write: Callable[[Occurrence], Any]):
        for each in types:
            FORMS.register(each)(Form(write, bits))
        return write

    return decorate


@form("BiasAdd", bits=(0, 8, 16))
def _bias_add(found: Occurrence):
    """The converter takes the second axis of three for the last."""
    values, bias = found.inputs
    if found.operation.get_attr("data_format") != b"NCHW":
        return None
    return values + _tf().reshape(bias, [-1, *[1] * (len(values.shape) - 2)])


@form("Neg")
def _negative(found: Occurrence):
    return found.inputs[0] * -1.0 if found.inputs[0].dtype.is_floating else None


@form("Square")
def _square(found: Occurrence):
    return found.inputs[0] * found.inputs[0]


@form("SquaredDifference")
def _squared_difference(found: Occurrence):
    difference = found.inputs[0] - found.inputs[1]
    return difference * difference


@form("Pow")
def _power(found: Occurrence):
    exponent = _constant(found.operation.inputs[1])
    known = _POWERS.get(float(exponent)) if exponent is not None and exponent.size == 1 else None
    return None if known is None else known(found.inputs[0])


@form("Sum", bits=(16,))
def _sum_over_axes(found: Occurrence):
    """The kernel gives a sum the range of what it adds up; that of a mean has a range of its own."""
    (source, places), tf = found.operation.inputs, _tf()
    axes = _constant(places)
    if axes is None or source.shape.rank is None or not source.dtype.is_floating:
        return None
    sizes = [source.shape[int(axis)] for axis in axes.ravel()]
    if not sizes or None in sizes:
        return None
    keep = found.operation.get_attr("keep_dims")
    return tf.reduce_mean(found.inputs[0], axes.ravel().tolist(), keepdims=keep) * float(np.prod(sizes))


@form("Minimum", "Maximum", bits=(16,))
def _within_a_bound(found: Occurrence):
    """A bound that nothing reaches is left out: as a constant of 16 bits it would wrap around."""
    sign = 1.0 if found.operation.type == "Minimum" else -1.0
    for place, other in ((1, 0), (0, 1)):
        bound = _constant(found.operation.inputs[place])
        if bound is not None and found.inputs[place].dtype.is_floating and (sign * bound >= _OUT_OF_REACH).all():
            return found.inputs[other]
    return None


@form("AddN")
def _sum(found: Occurrence):
    total, *others = found.inputs
    for other in others:
        total = total + other
    return total


@form("Elu")
def _elu(found: Occurrence):
    return _exponential_unit(found.inputs[0], 1.0)


@form("Selu")
def _selu(found: Occurrence):
    return _exponential_unit(found.inputs[0], 1.6732632423543772) * 1.0507009873554805


@form("Softplus")
def _softplus(found: Occurrence):
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): the exponential has a range that 8 bits hold."""
    tf, values = _tf(), found.inputs[0]
    return tf.maximum(values, 0.0) + tf.math.log(tf.exp(tf.abs(values) * -1.0) + 1.0)


@form("Split", "SplitV")
def _split(found: Occurrence):
    """The quantizer leaves some splits in float32; slices it never does."""
    is_even = found.operation.type == "Split"
    values, axis = found.inputs[1 if is_even else 0], _constant(found.operation.inputs[0 if is_even else 2])
    sizes = [output.shape for output in found.operation.outputs]
    if axis is None or any(shape.rank is None or shape[int(axis)] is None for shape in sizes):
        return None
    place, start, parts = int(axis) % len(values.shape), 0, []
    for shape in sizes:
        window = [slice(None)] * place + [slice(start, start + shape[place])]
        parts.append(values[tuple(window)])
        start += shape[place]
    return parts


@form("AddV2")
def _normalized(found: Occurrence):
    """x * scale - mean * scale + beta = (x - mean) * scale + beta: of the differences 8 bits hold more.

    Without this the two products, each as large as the mean, cancel only after they have been rounded.
    """
    first, second = found.operation.inputs
    product, beta, is_subtracted = _parts(second)
    if first.op.type != "Mul" or product.op.type != "Mul":
        return None
    for mean, scale in (product.op.inputs, product.op.inputs[::-1]):
        if not is_subtracted:
            mean = mean.op.inputs[0] if mean.op.type == "Neg" else None
        values = _other_factor(first.op, scale)
        if mean is not None and values is not None and found.varies(scale):
            scaled = (found.new(values) - found.new(mean)) * found.new(scale)
            return scaled if beta is None else scaled + found.new(beta)
    return None


def _parts(shift: Any) -> tuple[Any, Any, bool]:
    """Of `product + beta`, `beta - product` or `product`: the product, beta, and whether it is subtracted."""
    if shift.op.type == "Sub":
        return shift.op.inputs[1], shift.op.inputs[0], True
    if shift.op.type == "AddV2":
        return shift.op.inputs[0], shift.op.inputs[1], False
    return shift, None, False


def _other_factor(product: Any, factor: Any) -> Any:
    """What a product multiplies `factor` with; None where it does not."""
    first, second = product.inputs
    return second if first is factor else first if second is factor else None


def _exponential_unit(values: Any, alpha: float):
    tf = _tf()
    return tf.maximum(values, 0.0) + (tf.exp(tf.minimum(values, 0.0)) - 1.0) * alpha


def _constant(tensor: Any) -> np.ndarray | None:
    value = _tf().get_static_value(tensor)
    return None if value is None else np.asarray(value)


def _tf() -> Any:
    import tensorflow as tf  # noqa: PLC0415

    return tf


_OUT_OF_REACH = 1e6
_POWERS: dict[float, Callable[[Any], Any]] = {
    2.0: lambda values: values * values,
    3.0: lambda values: values * values * values,
    4.0: lambda values: (values * values) * (values * values),
    0.5: lambda values: _tf().sqrt(values),
    -0.5: lambda values: _tf().math.rsqrt(values),
    -1.0: lambda values: 1.0 / values,
}
