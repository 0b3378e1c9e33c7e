"""Which axis of an image the channels have in an exported file, and the user's samples in that order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasprune.core.errors import ExportError
from kerasprune.graph import is_graph
from kerasprune.graph.channels_last import twin_of
from kerasprune.graph.follow import order
from kerasprune.tflite.signature import InputSpec

LAYOUTS = ("channels_last", "own")


@dataclass(frozen=True, eq=False)
class Laid:
    """A model as it is converted.

    Attributes:
        model: It computes with channels last, which is the one format that TFLite has.
        layouts: For every input the axis of the user's that it has at its end; 0 = all are where the user has them.
        name: One of `LAYOUTS`: "channels_last" where an input or output is not as the user has it.
    """

    model: keras.Model
    layouts: tuple[int, ...]
    name: str

    def samples(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The user's samples, one array (n, ...) per input, as the model takes them."""
        return [
            np.ascontiguousarray(array.transpose(order(layout, array.ndim)))
            for array, layout in zip(arrays, self.layouts, strict=True)
        ]

    def specs(self, specs: Sequence[InputSpec]) -> tuple[InputSpec, ...]:
        """The shapes of the user's inputs as those of the model."""
        return tuple(
            replace(spec, shape=tuple(spec.shape[axis] for axis in order(layout, len(spec.shape))))
            for spec, layout in zip(specs, self.layouts, strict=True)
        )


def laid_out(model: keras.Model, layout: str) -> Laid:
    """The model in the layout that was asked for.

    Raises:
        ExportError: There is no such layout.
    """
    if layout not in LAYOUTS:
        raise ExportError(f"`layout` must be one of {', '.join(LAYOUTS)}. Received: layout={layout!r}.")
    twin = twin_of(model, borders=layout == "channels_last") if is_graph(model) else None
    if twin is None:
        return Laid(model, (0,) * len(model.inputs), "own")
    moved = any(twin.inputs) or any(twin.outputs)
    return Laid(twin.model, twin.inputs, "channels_last" if moved else "own")
