"""Trying a function tells whether it treats every element alone."""

import keras
import pytest

from kerasprune.graph.elementwise import is_elementwise

ops = keras.ops


@pytest.mark.parametrize(
    "function",
    [keras.activations.relu, keras.activations.gelu, keras.activations.silu, ops.tanh, lambda x: x * 2 + 1, ops.relu6],
)
def test_elementwise(function):
    assert is_elementwise(function)


@pytest.mark.parametrize(
    "function",
    [
        keras.activations.softmax,
        keras.activations.log_softmax,
        keras.activations.sparsemax,
        keras.activations.glu,
        lambda x: x - ops.mean(x),
        lambda x: x / ops.maximum(10.0, ops.max(ops.abs(x))),
        lambda x: ops.cumsum(x, axis=-1),
        lambda x: ops.flip(x, -1),
        lambda x: x + ops.arange(8, dtype="float32"),
        lambda x: x.missing,
    ],
)
def test_not_elementwise(function):
    assert not is_elementwise(function)
