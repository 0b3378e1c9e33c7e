"""Whether a function treats every element alone, found by trying it."""

import contextlib
from collections.abc import Callable

import keras
import numpy as np

_ANSWERS: dict[Callable, bool] = {}


def is_elementwise(function: Callable) -> bool:
    """Whether each output element depends on the input element at its place alone, and in the same way at all places.

    The function is run on a few values: the shape must stay, a permutation of the input must permute the output, and a
    change of one input, small or large, must leave all other outputs as they are. A function that fails to run on a
    vector counts as not elementwise.
    """
    try:
        if function not in _ANSWERS:
            _ANSWERS[function] = _try(function)
        return _ANSWERS[function]
    except TypeError:  # not hashable
        return _try(function)


def _try(function: Callable) -> bool:
    x = np.array([[-3.1, -0.7, -0.2, 0.0, 0.3, 0.9, 2.4, 6.5]], "float32")
    with contextlib.suppress(Exception):
        y = _run(function, x)
        if y.shape != x.shape or not _close(_run(function, x[:, ::-1])[:, ::-1], y):
            return False
        for place in range(x.shape[1]):
            for value in (-50.0, -0.5, 0.1, 50.0):
                changed = x.copy()
                changed[0, place] = value
                others = np.arange(x.shape[1]) != place
                if not _close(_run(function, changed)[:, others], y[:, others]):
                    return False
        return True
    return False


def _close(first: np.ndarray, second: np.ndarray) -> bool:
    return np.allclose(first, second, rtol=1e-5, atol=1e-6, equal_nan=True)


def _run(function: Callable, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(x)))
