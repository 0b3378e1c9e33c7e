"""The values of a loss before they are reduced."""

from typing import Any

import keras
import numpy as np
from keras import ops


class PerPosition(keras.losses.Loss):
    """A loss that is not reduced.

    Args:
        loss: A `keras.losses.Loss`, or a function of labels and outputs, whose ranks are then made the same.
    """

    def __init__(self, loss):
        super().__init__(name="per_position", reduction="none", dtype=getattr(loss, "dtype", None))
        self.judge = loss.call if isinstance(loss, keras.losses.Loss) else lambda y, p: loss(*same_rank(y, p))

    def call(self, y_true, y_pred):
        return self.judge(y_true, y_pred)


def same_rank(first, second):
    """What Keras does to labels and outputs, or to losses and weights, before it combines them.

    Where the ranks differ by one, a last axis of one is dropped, or put behind what has an axis for samples only.
    """
    ranks = len(first.shape), len(second.shape)
    if ranks[0] == ranks[1] + 1 and first.shape[-1] == 1:
        return (first, ops.expand_dims(second, -1)) if ranks[1] == 1 else (ops.squeeze(first, -1), second)
    if ranks[1] == ranks[0] + 1 and second.shape[-1] == 1:
        return (ops.expand_dims(first, -1), second) if ranks[0] == 1 else (first, ops.squeeze(second, -1))
    return first, second


def values_rank(loss: Any, label: np.ndarray, output: keras.KerasTensor) -> int | None:
    """The number of axes of the values of a loss for a batch; None where it gives one number for all samples.

    Found by trying it on the first samples.

    Args:
        loss: A `keras.losses.Loss`, or a function of labels and outputs.
        label: The labels.
        output: What it judges.
    """
    label = label[:7]  # a loss of these that is of another length is not one of samples
    shape = [
        size or (label.shape[axis] if axis < label.ndim else 1) for axis, size in enumerate(output.shape[1:], start=1)
    ]
    values = PerPosition(loss).call(
        ops.convert_to_tensor(label, dtype="float32"), ops.zeros((len(label), *shape), "float32")
    )
    return len(values.shape) if len(values.shape) and values.shape[0] == len(label) else None
