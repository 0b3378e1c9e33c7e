"""The loss of a user, sample by sample."""

from typing import Any

import keras
from keras import ops

from kerasprune.core import DataError


class SampleLoss(keras.losses.Loss):
    """The sum over the samples of a loss that is averaged over all positions of one sample.

    Args:
        loss: A `keras.losses.Loss`, or a function of labels and outputs that gives one number per sample or one per
            position of a sample.

    Attributes:
        of_keras: Whether the loss comes with Keras, so that the labels it takes are known.
        sparse: Whether it takes class numbers.
    """

    def __init__(self, loss):
        function = getattr(loss, "fn", loss)  # the losses of Keras wrap a function
        name = getattr(function, "__name__", type(function).__name__)
        super().__init__(name=name, reduction="sum")
        self.of_keras = function.__module__.partition(".")[0] == "keras"
        self.sparse = "sparse" in name
        self.values = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The weighted sum over the samples; a mask of the outputs leaves positions out."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.convert_to_tensor(y_true)
        if not self.sparse:
            y_true = ops.cast(y_true, y_pred.dtype)
        values = ops.cast(self.values(y_true, y_pred), "float32")  # (batch, ...)
        if len(values.shape) > 1:
            values = _mean_per_sample(values, mask)
        if sample_weight is not None:
            values = values * ops.cast(ops.reshape(sample_weight, (-1,)), values.dtype)
        return ops.sum(values)


def sample_losses(model: keras.Model, loss: Any) -> tuple[Any, Any]:
    """The loss to judge by and the weights of its parts, ready for `compile`.

    Args:
        model: The model.
        loss: As in `score`.

    Raises:
        DataError: There is no loss, or none of that name.
    """
    weights = None
    if loss is None:
        if not getattr(model, "compiled", False) or model.loss is None:
            raise DataError(
                "This criterion needs a loss, and the model is not compiled with one. "
                "Pass one: loss='sparse_categorical_crossentropy'."
            )
        loss, weights = model.loss, model._compile_config.config.get("loss_weights")
    return keras.tree.map_structure(_sample_loss, loss), weights


def _sample_loss(loss):
    if loss is None:
        return None
    try:
        return SampleLoss(keras.losses.get(loss))
    except ValueError as error:
        raise DataError(
            f"There is no loss {loss!r}. Pass the name of a Keras loss, a keras.losses.Loss or a callable."
        ) from error


def _mean_per_sample(values, mask):
    axes = tuple(range(1, len(values.shape)))
    if mask is None or len(mask.shape) != len(values.shape):
        return ops.mean(values, axis=axes)
    mask = ops.cast(mask, values.dtype)
    return ops.sum(values * mask, axis=axes) / ops.maximum(ops.sum(mask, axis=axes), 1.0)
