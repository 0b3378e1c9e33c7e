"""The tensors and constants that one call combines, on an equal footing."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import Labels, Pick
from kerasprune.graph.site import Site


@dataclass(frozen=True, eq=False)
class Operand:
    """One tensor or constant among the arguments of a call.

    Attributes:
        labels: One vector or None per axis; a constant has none.
        shape: Its shape, None for unknown dimensions.
        sizes: The same with numbers for the unknown dimensions.
        index: Its number among the inputs of the call; None for a constant.
        position: Its place among the flattened arguments.
        values: The array, of a constant.
    """

    labels: Labels
    shape: tuple[int | None, ...]
    sizes: tuple[int, ...]
    index: int | None
    position: int
    values: np.ndarray | None = None

    def follow(self, site: Site, axes: Labels) -> None:
        """A constant goes with the channels that these vectors name along its axes."""
        pairs = zip(axes, self.shape, strict=True)
        axes = tuple(vector if vector is not None and len(vector) == size else None for vector, size in pairs)
        if self.index is None and any(vector is not None for vector in axes):
            site.argument(self.position, Pick(self.values, axes))


def operands(site: Site) -> list[Operand]:
    """The tensors and arrays among the arguments of the call, in their order."""
    found: list[Operand] = []
    index = 0
    for position, leaf in enumerate(keras.tree.flatten(site.arguments)):
        if isinstance(leaf, keras.KerasTensor):
            found.append(Operand(site.inputs[index], site.shapes[index], site.sizes[index], index, position))
            index += 1
        elif hasattr(leaf, "shape"):
            values = keras.ops.convert_to_numpy(leaf)
            found.append(Operand((None,) * values.ndim, values.shape, values.shape, None, position, values))
    return found
