"""Layers and operations that combine entries at the same place of several tensors."""

import functools
import operator

import keras
import numpy as np
from keras import layers

from kerasprune.criteria.second_order.step import Step, array, step, unknown
from kerasprune.graph import Call


@step(layers.Add, "Add")
def add(call: Call) -> Step:
    """The sum."""
    return _weighted(call, np.ones(len(_operands(call))))


@step(layers.Subtract, "Subtract")
def subtract(call: Call) -> Step:
    """The first one less the second."""
    return _weighted(call, np.array([1.0, -1.0]))


@step(layers.Average)
def average(call: Call) -> Step:
    """The mean."""
    count = len(call.inputs)
    return _weighted(call, np.full(count, 1 / count))


@step(layers.Multiply, "Multiply")
def multiply(call: Call) -> Step:
    """The product; a tensor that is multiplied by itself counts as two."""
    operands = _operands(call)
    places = [place for place, operand in enumerate(operands) if operand is None]

    def run(*inputs):
        values = _filled(operands, inputs)

        def back(first, second):
            others = [_product([*values[:place], *values[place + 1 :]]) for place in places]
            return [
                (_summed(first * other, x), _summed(second * other**2, x))
                for other, x in zip(others, inputs, strict=True)
            ]

        return _product(values), back

    return run


def _weighted(call: Call, weights: np.ndarray) -> Step:
    """The sum of the operands times their weights."""
    operands = _operands(call)
    own = [weight for weight, operand in zip(weights, operands, strict=True) if operand is None]

    def run(*inputs):
        def back(first, second):
            return [
                (_summed(weight * first, x), _summed(weight**2 * second, x))
                for weight, x in zip(own, inputs, strict=True)
            ]

        values = _filled(operands, inputs)
        return sum(weight * value for weight, value in zip(weights, values, strict=True)), back

    return run


def _operands(call: Call) -> list[np.ndarray | None]:
    """The constants among what is combined; None for what is a tensor.

    Raises:
        DataError: Tensors of different rank are combined.
    """
    if len({len(tensor.shape) for tensor in call.inputs}) > 1:
        raise unknown(f"`{call.path}` combines tensors of different rank")
    leaves = keras.tree.flatten(call.arguments)
    return [None if isinstance(leaf, keras.KerasTensor) else array(leaf) for leaf in leaves]


def _filled(operands: list, inputs: tuple) -> list[np.ndarray]:
    given = iter(inputs)
    return [next(given) if operand is None else operand for operand in operands]


def _product(values: list[np.ndarray]) -> np.ndarray:
    return functools.reduce(operator.mul, values)


def _summed(derivative: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Derivatives in all places to which an input was broadcast, summed in its own shape."""
    axes = tuple(axis for axis, size in enumerate(x.shape) if size == 1 and derivative.shape[axis] != 1)
    return derivative.sum(axis=axes, keepdims=True) if axes else derivative
