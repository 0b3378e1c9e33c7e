"""One tensor of a model, in the layouts in which `channels_last` has it."""

from collections.abc import Sequence

import keras

from kerasprune.core import Names
from kerasprune.graph.follow import Reading, handling_for, order


class Held:
    """A tensor of the original, in the layouts in which it was made and asked for.

    Args:
        names: Those that operations have.
        tensor: As it was made.
        layout: The axis of the original that is held at the end, 0 for none.
        call: What made it and what that got, where all of this is in the layout of the user.

    Attributes:
        versions: The tensor, by layout.
        asked: The layouts that are wanted.
    """

    def __init__(
        self,
        names: Names,
        tensor: keras.KerasTensor,
        layout: int,
        call: tuple[Reading, Sequence["Held"]] | None = None,
    ):
        self.names = names
        self.rank = len(tensor.shape)
        self.layout = self._known(layout)
        self.versions = {self.layout: tensor}
        self.call = call
        self.asked: set[int] = set()

    @property
    def shape(self) -> tuple:
        """As the user has it."""
        made = self.versions[self.layout].shape
        return tuple(made[order(self.layout, self.rank).index(axis)] for axis in range(self.rank))

    def at(self, layout: int) -> keras.KerasTensor:
        """The tensor in a layout, from one transpose of what was made, however often it is asked for."""
        layout = self._known(layout)
        self.ask(layout)
        if layout not in self.versions:
            made, axes = self.versions[self.layout], order(self.layout, self.rank)
            dims = [axes.index(axis) for axis in order(layout, self.rank)]
            name = f"{made._keras_history.operation.name}_channels_{'last' if layout else 'first'}"
            is_float = keras.backend.is_float_dtype(made.dtype)
            permute = keras.layers.Permute(
                dims[1:], name=self.names.unused(name), dtype=made.dtype if is_float else None
            )
            self.versions[layout] = permute(made)
        return self.versions[layout]

    def ask(self, layout: int) -> None:
        """Note that a layout is wanted, here and at what was given to calls that could have kept to it."""
        if layout in (0, self.layout) or layout in self.asked:
            return
        self.asked.add(layout)
        if self.call is None:
            return
        reading, inputs = self.call
        moved = tuple(layout if len(shape) == self.rank else 0 for shape in reading.shapes)
        handling = handling_for(
            Reading(reading.operation, moved, reading.shapes, reading.output_shapes, reading.constants)
        )
        if handling is not None and handling.outputs[0] == layout:
            for held in inputs:
                held.ask(layout)

    def _known(self, layout: int) -> int:
        """The layout that has one name only: an axis that is the last anyway is where the user has it."""
        return 0 if self.rank < 3 or layout == self.rank - 1 else layout
