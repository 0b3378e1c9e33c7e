"""Every operation that the rules call unary treats each element alone, in `keras.ops` as it is installed."""

import re

import keras
import numpy as np
import pytest

from kerasprune.graph import RULES
from kerasprune.graph.rules.join import unary
from tests.backends import not_on_torch

NAMES = sorted(name for name, rule in RULES.items() if rule.function is unary)
REALS = np.random.default_rng(0).uniform(-3, 3, (2, 3, 4)).astype("float32")
# What is defined between 0 and 1, or above 1, is tried there as well; NaN is an answer like another.
VALUES = (REALS, np.abs(REALS) / 3, 1 + np.abs(REALS))
INTEGERS, BOOLEANS = (np.round(5 * REALS).astype("int32"),), (REALS > 0,)
TAKES = {"BitwiseInvert": INTEGERS, "BitwiseNot": INTEGERS, "LogicalNot": BOOLEANS}
ARGUMENTS = {"Cast": ("float16",), "SaturateCast": ("uint8",), "Threshold": (0.5, -1.0)}


def function_of(name: str):
    """The function of `keras.ops` that makes an operation of this class: `log_sigmoid` makes "LogSigmoid"."""
    return getattr(keras.ops, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


@pytest.mark.parametrize("name", not_on_torch(NAMES, {"Imag": "torch has no imaginary part of real numbers"}))
def test_a_unary_operation_is_elementwise(name):
    function, arguments = function_of(name), ARGUMENTS.get(name, ())
    for values in TAKES.get(name, VALUES):
        together = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(values), *arguments))
        assert together.shape == values.shape
        for place, value in np.ndenumerate(values):
            alone = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor([value]), *arguments))
            np.testing.assert_allclose(together[place], alone[0], rtol=1e-5, atol=1e-6)
