"""Layers and operations that combine elements at the same place: the channels of all inputs live or die together."""

import keras
import numpy as np

from kerasprune.core import Labels, Pick
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers

_UNARY = (
    "Abs Absolute Angle Arccos Arccosh Arcsin Arcsinh Arctan Arctanh BitwiseInvert BitwiseNot Cast Cbrt Ceil Celu "
    "Conj Conjugate ConvertToTensor Copy Cos Cosh Deg2rad Elu Erf Erfc Erfinv Exp Exp2 Expm1 Fabs Floor Gelu "
    "HardShrink HardSigmoid HardSilu HardTanh I0 Imag Isfinite Isinf Isnan Isneginf Isposinf Isreal "
    "LeakyRelu Log Log10 Log1p Log2 LogSigmoid LogicalNot NanToNum Negative Rad2deg Real Reciprocal Relu Relu6 Round "
    "Rsqrt SaturateCast Selu Sigmoid Sign Signbit Silu Sin Sinc Sinh SoftShrink Softplus Softsign SparsePlus "
    "SparseSigmoid Sqrt Square Squareplus StopGradient Tan Tanh TanhShrink Threshold Trunc"
).split()
_BINARY = (
    "Add Arctan2 BitwiseAnd BitwiseLeftShift BitwiseOr BitwiseRightShift BitwiseXor Divide DivideNoNan Equal "
    "FloorDivide Fmax Fmin Fmod Gcd Greater GreaterEqual Heaviside Hypot Isclose Lcm Ldexp LeftShift Less LessEqual "
    "Logaddexp Logaddexp2 LogicalAnd LogicalOr LogicalXor Maximum Minimum Mod Multiply Nextafter NotEqual Power "
    "RightShift Subtract TrueDivide Where"
).split()


@rule(
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
    "keras.CustomScaleLayer",  # of InceptionResNetV2: the first input and a multiple of the second
    behaviour="join",
)
def merge(site: Site) -> Labels:
    """Elementwise over all inputs; one of lower rank gets axes of length 1 behind the batch axis."""
    rank = max(len(shape) for shape in site.shapes)
    padded = [
        ((labels[0], *(None,) * (rank - len(labels)), *labels[1:]), (shape[0], *(1,) * (rank - len(shape)), *shape[1:]))
        for labels, shape in zip(site.inputs, site.shapes, strict=True)
    ]
    return join(site, padded)


@rule(*_UNARY, behaviour="channelwise")
def unary(site: Site) -> Labels:
    """Every element for itself."""
    return site.labels


@rule(*_BINARY, behaviour="join")
def binary(site: Site) -> Labels:
    """Elementwise over tensors and constants, broadcast as numpy does; a constant per channel follows the channel."""
    rank = len(site.output_shapes[0])
    padded = [
        ((None,) * (rank - len(labels)) + labels, (1,) * (rank - len(shape)) + tuple(shape))
        for labels, shape in zip(site.inputs, site.shapes, strict=True)
    ]
    constants = _constants(site)
    outputs = join(site, padded)
    outputs = _broadcast_by(site, outputs, constants)
    for position, values in constants.items():
        tail = outputs[rank - values.ndim :]
        axes = tuple(v if v is not None and size > 1 else None for v, size in zip(tail, values.shape, strict=True))
        if any(vector is not None for vector in axes):
            site.argument(position, Pick(values, axes))
    return outputs


def join(site: Site, inputs: list[tuple[Labels, tuple]]) -> Labels:
    """Tie the labels of inputs of equal rank, axis by axis, leaving out those that are broadcast along it."""
    return tuple(_join_axis(site, axis, inputs) for axis in range(len(inputs[0][0])))


def _join_axis(site: Site, axis: int, inputs: list[tuple[Labels, tuple]]) -> np.ndarray | None:
    whole = any(shape[axis] != 1 for _, shape in inputs)
    taking_part = []
    for labels, shape in inputs:
        if whole and shape[axis] == 1:
            if labels[axis] is not None:
                site.freeze(labels[axis], f"{site.name} spreads this channel over a whole axis")
        else:
            taking_part.append(labels[axis])
    first = next((vector for vector in taking_part if vector is not None), None)
    if first is None:
        return None
    for vector in taking_part:
        if vector is None:
            site.freeze(first, f"{site.name} combines them with values that are not channels")
        elif vector is not first:
            site.tie(first, vector, f"{site.name} combines them place by place")
    return first


def _constants(site: Site) -> dict[int, np.ndarray]:
    """The arrays among the flattened arguments of the call, by position."""
    found = {}
    for position, leaf in enumerate(keras.tree.flatten(site.arguments)):
        if isinstance(leaf, keras.KerasTensor) or not hasattr(leaf, "shape") or not len(leaf.shape):
            continue
        found[position] = keras.ops.convert_to_numpy(leaf)
    return found


def _broadcast_by(site: Site, outputs: Labels, constants: dict[int, np.ndarray]) -> Labels:
    """An axis of length 1 that a constant widens carries no channels any more."""
    outputs = list(outputs)
    for axis, size in enumerate(site.output_shapes[0]):
        if outputs[axis] is not None and size != len(outputs[axis]):
            site.freeze(outputs[axis], f"{site.name} spreads this channel over a whole axis")
            outputs[axis] = None
    return tuple(outputs)
