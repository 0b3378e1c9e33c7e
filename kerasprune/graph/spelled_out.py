"""Operations of `keras.ops` that are statistics over the last axis, written with means, squares and roots.

A mean loses channels exactly (see `rules/statistics`); what is made of means does so, too.
"""

from collections.abc import Callable

import keras

from kerasprune.graph.call import Call, symbolic_leaves
from kerasprune.graph.recording import Recording
from kerasprune.graph.walk import calls_between

ops = keras.ops


def is_spelled_out(call: Call) -> bool:
    """Whether this is the call of an operation that `spell_out` writes with others."""
    operation = call.operation
    if isinstance(operation, keras.layers.Layer) or type(operation).__name__ not in _WRITTEN or not call.inputs:
        return False
    axes, rank = _axes(operation), len(call.inputs[0].shape)
    plain = not getattr(operation, "rms_scaling", False) and not getattr(operation, "synchronized", False)
    return plain and axes is not None and rank - 1 in {axis % rank for axis in axes}


def spell_out(call: Call) -> Recording:
    """The operations that compute what the call does."""
    stand_ins = {id(t): keras.KerasTensor(t.shape, dtype=t.dtype) for t in symbolic_leaves(call.arguments)}
    args, kwargs = call.fill(stand_ins)
    outputs = _WRITTEN[type(call.operation).__name__](call.operation, *args, **kwargs)
    inputs = tuple(stand_ins.values())
    found = calls_between(list(inputs), keras.tree.flatten(outputs))
    return Recording(inputs, tuple(found), outputs)


def _variance(operation, x):
    return _reduced(operation, _moments(_wide(x), _axes(operation))[1], x.dtype)


def _deviation(operation, x):
    return _reduced(operation, ops.sqrt(_moments(_wide(x), _axes(operation))[1]), x.dtype)


def _both_moments(operation, x):
    return tuple(_reduced(operation, moment, x.dtype) for moment in _moments(_wide(x), _axes(operation)))


def _layer_norm(operation, x, gamma=None, beta=None):
    wide, axes = _wide(x), _axes(operation)
    mean, variance = _moments(wide, axes)
    normal = (wide - mean) * ops.rsqrt(variance + _epsilon(operation))
    normal = normal if gamma is None else normal * _beside(x, axes, gamma)
    normal = normal if beta is None else normal + _beside(x, axes, beta)
    return _narrow(normal, x.dtype)


def _rms_norm(operation, x, scale=None):
    wide = _wide(x)
    mean = ops.mean(ops.square(wide), axis=_axes(operation), keepdims=True)
    normal = wide * ops.rsqrt(mean + _epsilon(operation))
    return _narrow(normal if scale is None else normal * _beside(x, _axes(operation), scale), x.dtype)


def _moments(x, axes: tuple[int, ...]):
    mean = ops.mean(x, axis=axes, keepdims=True)
    return mean, ops.mean(ops.square(x - mean), axis=axes, keepdims=True)


def _reduced(operation, moment, dtype: str):
    moment = _narrow(moment, dtype)
    return moment if operation.keepdims else ops.squeeze(moment, axis=_axes(operation))


def _beside(x, axes: tuple[int, ...], weight):
    """A weight that has the axes of a statistic, in a shape that is multiplied with the tensor of the statistic."""
    rank = len(x.shape)
    places = sorted(axis % rank for axis in axes)
    weight = ops.cast(weight, _wide_type(x))
    if len(weight.shape) == rank or places == list(range(rank - len(places), rank)):
        return weight
    return ops.reshape(weight, [x.shape[axis] if axis in places else 1 for axis in range(rank)])


def _wide_type(x) -> str:
    return "float32" if x.dtype in ("float16", "bfloat16") else x.dtype


def _wide(x):
    return x if x.dtype == _wide_type(x) else ops.cast(x, "float32")


def _narrow(x, dtype: str):
    return x if x.dtype == dtype else ops.cast(x, dtype)


def _epsilon(operation) -> float:
    return keras.backend.epsilon() if operation.epsilon is None else operation.epsilon


def _axes(operation) -> tuple[int, ...] | None:
    axis = getattr(operation, "axis", getattr(operation, "axes", None))
    return None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


_WRITTEN: dict[str, Callable] = {
    "LayerNorm": _layer_norm,
    "Moments": _both_moments,
    "RMSNorm": _rms_norm,
    "Std": _deviation,
    "Var": _variance,
}
