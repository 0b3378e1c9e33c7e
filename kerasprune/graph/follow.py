"""Which layers and operations follow their channels from the second axis to the last one, and how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras

from kerasprune.graph.elementwise import is_elementwise
from kerasprune.graph.rule import find_in, find_rule
from kerasprune.graph.walk import layers_inside


@dataclass(frozen=True, eq=False)
class Reading:
    """A call that is asked whether it can be made on tensors whose channels are last.

    A layout is the axis, counted as the user has it, that is held at the end; 0 = all axes are where the user has them.

    Attributes:
        operation: The layer or operation.
        held: The layout in which every input is held.
        shapes: The inputs' shapes, as the user has them.
        output_shapes: The outputs' shapes, as the user has them.
        constants: Whether an array with axes is among the arguments.
    """

    operation: keras.Operation
    held: tuple[int, ...]
    shapes: tuple[tuple, ...]
    output_shapes: tuple[tuple, ...]
    constants: bool = False

    @property
    def layout(self) -> int:
        """The layout of the first input that is not held as the user has it; 0 if there is none."""
        return next((layout for layout in self.held if layout), 0)

    @property
    def rank(self) -> int:
        """The number of axes of the first input."""
        return len(self.shapes[0])

    def place(self, axis: int) -> int:
        """Where an axis is in a tensor of the first input's rank that is held in `layout`."""
        return order(self.layout, self.rank).index(axis % self.rank)

    def alike(self, changes: Mapping[str, object] | None = None) -> "Handling":
        """All tensors in the one layout."""
        return Handling((self.layout,) * len(self.held), (self.layout,) * len(self.output_shapes), changes or {})


@dataclass(frozen=True, eq=False)
class Handling:
    """How a call is made.

    Attributes:
        inputs: The layout in which it takes every input.
        outputs: The layout in which it gives every output.
        changes: What is different in the configuration, as in `clone_operation`.
        weights: For weights whose axes move as well, by position: where each axis was before.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    changes: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


# Says how a call is made on moved tensors; None: it gets the tensors as the user has them.
Follower = Callable[[Reading], Handling | None]

FOLLOWERS: dict[type | str, Follower] = {}


def follows(*targets: type | str) -> Callable[[Follower], Follower]:
    """A decorator that teaches `channels_last` layers, by their classes, or operations of `keras.ops`, by their names.

    A subclass is covered too as long as it inherits `call` and `build`.
    """

    def decorate(function: Follower) -> Follower:
        FOLLOWERS.update(dict.fromkeys(targets, function))
        return function

    return decorate


def handling_for(reading: Reading) -> Handling | None:
    """How a call is made on moved tensors; None where nobody has taught it, or it cannot."""
    follower = find_in(FOLLOWERS, reading.operation)
    if follower is None and not isinstance(reading.operation, keras.layers.Layer):
        rule = find_rule(reading.operation)
        follower = _unary if rule is not None and rule.behaviour == "channelwise" else None
    return None if follower is None else follower(reading)


def is_channels_first(operation: keras.Operation) -> bool:
    """Whether the layer, or one inside it, or the operation computes with the channels on the second axis."""
    if isinstance(operation, keras.layers.Layer):
        return any(getattr(part, "data_format", None) == "channels_first" for part in layers_inside(operation))
    default = keras.config.image_data_format()
    return (getattr(operation, "data_format", "") or default) == "channels_first" and hasattr(operation, "data_format")


def order(layout: int, rank: int) -> tuple[int, ...]:
    """The axes of the user's tensor in the order in which they are held: int (rank,)."""
    if not layout:
        return tuple(range(rank))
    return (*(axis for axis in range(rank) if axis != layout), layout)


def _unary(reading: Reading) -> Handling | None:
    """An operation on one tensor, where it treats every element alone."""
    if not reading.layout or reading.constants or len(reading.held) != 1:
        return None
    return reading.alike() if is_elementwise(reading.operation) else None
