"""What the layers of a `.tflite` file compute with: how wide they are, and in what numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.tflite.flatbuffer import op_name, schema

# The axis of the kernel along which channels are made, by the op.
_MADE = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
_TILE = 4
_NAMED = 4


@dataclass(frozen=True)
class Widths:
    """The layers of a file that multiply.

    Args:
        channels: What each of them makes, in the order of the file; not those of outputs.
        int8: Whether most of them compute in int8.
    """

    channels: tuple[int, ...]
    int8: bool

    def odd(self) -> list[str]:
        """A sentence about widths that kernels compute in the time of a larger one; none where there are none."""
        found = [width for width in self.channels if width > _TILE and width % _TILE]
        if not found:
            return []
        named = ", ".join(map(str, dict.fromkeys(found[:_NAMED])))
        return [
            f"{len(found)} of {len(self.channels)} layers have a width such as {named}, which kernels compute in the "
            f"time of the next multiple of {_TILE}, 8 or 16 (compress with round_to='auto' or for a latency)"
        ]


def widths_of(model: Any) -> Widths:
    """Those of a parsed model."""
    widths, int8 = [], []
    for graph in model.subgraphs:
        last = _last(model, graph)
        for place, operator in enumerate(graph.operators or ()):
            axis = _MADE.get(op_name(model, operator))
            if axis is None:
                continue
            kernel = graph.tensors[operator.inputs[1]]
            int8.append(graph.tensors[operator.outputs[0]].type == schema().TensorType.INT8)
            if place not in last and len(np.ravel(kernel.shape)) > axis:
                widths.append(int(kernel.shape[axis]))
    return Widths(tuple(widths), bool(int8) and sum(int8) > len(int8) / 2)


def _last(model: Any, graph: Any) -> set[int]:
    """The places of the layers behind which no other multiplies: the task says how wide they are."""
    makers = {int(made): place for place, op in enumerate(graph.operators or ()) for made in op.outputs}
    found: set[int] = set()
    seen: set[int] = set()
    pending = [int(tensor) for tensor in graph.outputs]
    while pending:
        tensor = pending.pop()
        place = makers.get(tensor)
        if place is None or tensor in seen:
            continue
        seen.add(tensor)
        if op_name(model, graph.operators[place]) in _MADE:
            found.add(place)
        else:
            pending += [int(given) for given in graph.operators[place].inputs]
    return found
