"""Which layers with kernels come behind which."""

import keras

from kerasprune.graph import Opened
from kerasprune.sparse import kernel_positions


def readers(opened: Opened, path: str) -> set[str]:
    """The paths of the layers with kernels that are the first to read what an operation puts out."""
    calls = opened.program.calls
    reached = {id(tensor) for call in calls if call.path == path for tensor in call.outputs}
    found = set()
    for call in calls:
        if not any(id(tensor) in reached for tensor in call.inputs):
            continue
        if has_kernel(call.operation):
            found.add(call.path)
        else:
            reached.update(id(tensor) for tensor in call.outputs)
    return found


def last_layers(opened: Opened) -> set[str]:
    """The paths of the layers with kernels behind which there is no other one."""
    paths = {call.path for call in opened.program.calls if has_kernel(call.operation)}
    return {path for path in paths if not readers(opened, path)}


def has_kernel(operation: keras.Operation) -> bool:
    """Whether an operation is a layer with weights that can go one by one."""
    return isinstance(operation, keras.layers.Layer) and bool(kernel_positions(operation))
