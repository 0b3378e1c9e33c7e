"""What one call of a layer does, as calls of its parts."""

import dataclasses
import re

import keras

from kerasprune.graph.call import Call


class RecordError(Exception):
    """A call cannot be recorded; the text says why, without naming the layer."""


class UnheldWeightError(RecordError):
    """The call uses a weight that no part gives."""


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """What one call of a layer does.

    Attributes:
        inputs: Stand-ins for the tensors among the arguments of the call, in their order.
        calls: The calls of the parts, in the order of execution; keys and paths are the names of the parts.
        outputs: The result, in its structure.
    """

    inputs: tuple[keras.KerasTensor, ...]
    calls: tuple[Call, ...]
    outputs: object


def first_line(error: Exception) -> str:
    """What an error says, without the frame that Keras puts around it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Exception encountered")]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
