"""Which step speaks for which layer or operation, and what most steps are made of."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import DataError
from kerasprune.graph import Call, LinearLayer, find_linear_layer

# From the first and second derivative of the loss in every entry of an output to those in the entries of every input.
Back = Callable[[np.ndarray, np.ndarray], list[tuple[np.ndarray, np.ndarray]]]
# What one call of a layer does: from its inputs to its output and the way back.
Step = Callable[..., tuple[np.ndarray, Back]]

# From one call of a layer to its step; by class of layers, or by the class name of an operation of `keras.ops`.
STEPS: dict[type | str, Callable[[Call], Step]] = {}


def step(*targets: type | str) -> Callable:
    """A decorator that teaches the "quadratic" criterion a layer.

    What is described as a `linear_layer` it knows already. The function gets the `Call` of a call and returns its step.
    A step gets the inputs as float64 arrays and returns the output and a function from the first and second derivatives
    of the loss in the output, of its shape, to a list of those in each input. With `y = f(x)` these are `first * f'`
    and `second * f'^2 + first * f''`, summed over the entries of the output that an entry of the input has a part in.

    Args:
        targets: Classes of layers, subclasses not included, or class names of operations of `keras.ops`; `LinearLayer`
            stands for all that is described as such.

    Example:

    >>> @step(keras.layers.GaussianNoise)
    ... def unchanged(call):
    ...     return lambda x: (x, lambda first, second: [(first, second)])
    """

    def decorate(function):
        STEPS.update(dict.fromkeys(targets, function))
        return function

    return decorate


def find_step(call: Call) -> Step:
    """The step of a call.

    Raises:
        DataError: There is none.
    """
    kind = type(call.operation)
    make = STEPS.get(kind if isinstance(call.operation, keras.layers.Layer) else kind.__name__)
    if make is None and find_linear_layer(call.operation) is not None:
        make = STEPS[LinearLayer]
    if make is None or len(call.outputs) != 1:
        raise unknown(f"`{call.path}` is a {kind.__name__}")
    return make(call)


def unknown(what: str) -> DataError:
    """An error that says what has no known second derivative."""
    return DataError(
        f"'quadratic' does not know how to take second derivatives back: {what}. "
        "Use 'gauss_newton', which takes any layer and activation."
    )


def linear(forward: Callable, backward: Callable, kernel: np.ndarray, bias: np.ndarray | float = 0.0) -> Step:
    """The step of `forward(x, kernel) + bias`, where each product has one entry of the kernel as a factor.

    Args:
        forward: From inputs and a kernel to outputs, linear in both.
        backward: From derivatives in the outputs, a kernel and the shape of the inputs to derivatives in the inputs:
            the transpose of `forward`. With the squared kernel it takes second derivatives.
        kernel: The kernel.
        bias: Added to the outputs.
    """
    squared = np.square(kernel)

    def run(x):
        return forward(x, kernel) + bias, lambda first, second: [
            (backward(first, kernel, x.shape), backward(second, squared, x.shape))
        ]

    return run


def elementwise(derivatives: Callable) -> Step:
    """The step of a function of each entry alone, of which value, slope and bend are known."""

    def run(x):
        value, slope, bend = derivatives(x)
        return value, lambda first, second: [(first * slope, second * slope**2 + first * bend)]

    return run


def then(before: Step, after: Step) -> Step:
    """One step after the other."""

    def run(*inputs):
        middle, back = before(*inputs)
        output, back_after = after(middle)

        def back_both(first, second):
            ((first, second),) = back_after(first, second)
            return back(first, second)

        return output, back_both

    return run


def array(value) -> np.ndarray:
    """A weight or a constant as float64."""
    return keras.ops.convert_to_numpy(value).astype(float)
