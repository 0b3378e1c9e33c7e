"""One call of one layer or operation, and the one way to run many of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerasprune.core import CallLabels, ChannelGraph, Labels

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


@dataclass(frozen=True, eq=False)
class Carried:
    """What stands for a tensor while labels are carried through a model.

    Attributes:
        labels: Its labels.
        sizes: Its shape, with numbers for unknown dimensions; empty where nobody asks for it.
        of_weights: Whether it is made of weights alone, which have no axis of samples.
    """

    labels: Labels
    sizes: tuple[int, ...] = ()
    of_weights: bool = False


class Labelled:
    """Joins the calls of a model with their labels, which have the same key and, in a flat model, the same order.

    Args:
        graph: The trace of the model.
    """

    def __init__(self, graph: ChannelGraph):
        self._left: dict[str, list[CallLabels]] = {}
        for labels in reversed(graph.calls):
            self._left.setdefault(labels.key, []).append(labels)

    def __call__(self, call: Call) -> Call:
        """The call with its labels, under the path that its operation had when it was first met."""
        found = self._left.get(call.key)
        if found is None:
            return call
        labels = found.pop() if len(found) > 1 else found[0]
        return replace(call, path=labels.operation, labels=labels)


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


def symbolic_leaves(structure: object) -> list[keras.KerasTensor]:
    """The symbolic tensors in the arguments of a call, or in any other structure, in their order."""
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor)]
