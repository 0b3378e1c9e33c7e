"""What the layers that read a tensor take for the axis of its channels."""

import keras

from kerasprune.graph.walk import calls_on, functional, is_graph

layers = keras.layers
_NORMS = (layers.BatchNormalization, layers.GroupNormalization)
_FAR = 8  # calls that are looked at behind a tensor, one after the other


def channel_axis_behind(tensor: keras.KerasTensor, far: int = _FAR) -> int | None:
    """The axis along which the next layer with a kernel, a window or a norm reads channels.

    What leaves the shape as it is, such as an activation, is looked through. None where no such layer follows, or the
    layers do not agree.
    """
    found = set()
    for operation, outputs in calls_on(tensor):
        axis = _channel_axis(operation, len(tensor.shape))
        if is_graph(operation):
            inputs = functional(operation).inputs
            axis = channel_axis_behind(inputs[0], far - 1) if far and len(inputs) == 1 else None
        elif axis is None and far and len(outputs) == 1 and outputs[0].shape == tensor.shape:
            axis = channel_axis_behind(outputs[0], far - 1)
        found.add(axis)
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _channel_axis(operation: keras.Operation, rank: int) -> int | None:
    if isinstance(operation, layers.Dense):
        return rank - 1
    if isinstance(operation, _NORMS):
        return operation.axis % rank if isinstance(operation.axis, int) else None
    data_format = getattr(operation, "data_format", None)
    if data_format is None or isinstance(operation, layers.Flatten) or not isinstance(operation, layers.Layer):
        return None
    return 1 if data_format == "channels_first" else rank - 1
