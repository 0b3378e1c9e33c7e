"""One call of one layer or operation, and the one way to run many of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras

from kerasprune.core import CallLabels, Labels

# What stands for the tensors of a model while it runs, by the `id` of the symbolic ones: labels, symbolic tensors of
# another model, arrays, tensors of a backend.
Env = dict[int, Any]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one layer, nested model or operation.

    Attributes:
        key: Path of the operation, "#" and the number of this call among its calls in the model.
        path: Names of the enclosing nested models and of the operation, separated by "/".
        operation: The `keras.Operation` (a layer is one).
        inputs: The input `KerasTensor`s, flattened; of a nested model those of its inputs, without masks.
        outputs: The output `KerasTensor`s, flattened.
        arguments: The `(args, kwargs)` of the call, with `KerasTensor`s in the tensors' places.
        labels: What a trace says about the call; None where there is none, or where it was not asked for.
    """

    key: str
    path: str
    operation: keras.Operation
    inputs: tuple[keras.KerasTensor, ...]
    outputs: tuple[keras.KerasTensor, ...]
    arguments: tuple[tuple, dict]
    labels: CallLabels | None = None

    def fill(self, env: Env) -> tuple[tuple, dict]:
        """The arguments with what stands for every `KerasTensor` in its place."""
        return keras.tree.map_structure(
            lambda leaf: env[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf, self.arguments
        )


# How one call is made: gets the call and what stands for the tensors so far, returns what stands for its outputs.
Perform = Callable[[Call, Env], object]


def make(call: Call, env: Env) -> object:
    """Call the operation with what stands for its tensors."""
    args, kwargs = call.fill(env)
    return call.operation(*args, **kwargs)


def run(calls: Iterable[Call], env: Env, perform: Perform = make) -> Env:
    """Make calls one after the other.

    Args:
        calls: In an order of execution.
        env: What stands for the tensors that the calls do not make; what stands for the others is added to it.
        perform: How a call is made.

    Returns:
        `env`.
    """
    for call in calls:
        outputs = keras.tree.flatten(perform(call, env))
        env.update(zip(map(id, call.outputs), outputs, strict=True))
    return env


@dataclass(frozen=True, eq=False)
class Carried:
    """What stands for a tensor while labels are carried through a model.

    Attributes:
        labels: Its labels.
        sizes: Its shape, with numbers for unknown dimensions; empty where nobody asks for it.
    """

    labels: Labels
    sizes: tuple[int, ...] = ()


def symbolic_leaves(structure: object) -> list[keras.KerasTensor]:
    """The symbolic tensors in the arguments of a call, or in any other structure, in their order."""
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor)]
