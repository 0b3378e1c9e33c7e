"""The loss of a user, sample by sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kerasprune.core import DataError
from kerasprune.graph import align, functional, loss_weights


class PerPosition(keras.losses.Loss):
    """A function of labels and outputs, not reduced, with zeros at masked positions.

    Keras keeps the mask of a tensor in a place of each backend's own and gives it to no one but a loss.
    """

    def __init__(self, function):
        super().__init__(name="per_position", reduction="none")
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)


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
        values = loss.call if isinstance(loss, keras.losses.Loss) else loss
        self.values = PerPosition(values)
        self.valid = PerPosition(lambda y_true, y_pred: ops.ones_like(values(y_true, y_pred)))

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The weighted sum over the samples."""
        return ops.sum(self.per_sample(y_true, y_pred, sample_weight))

    def per_sample(self, y_true, y_pred, sample_weight=None):
        """The weighted loss of every sample, (batch,); a mask of the outputs leaves positions out."""
        values = self.values(y_true, y_pred)  # (batch, ...)
        if len(values.shape) == 0:
            raise DataError(
                f"The loss {self.name!r} returns one number for a whole batch. It must return one per sample."
            )
        if len(values.shape) > 1:
            positions = tuple(range(1, len(values.shape)))
            valid = ops.sum(self.valid(y_true, y_pred), axis=positions)
            values = ops.sum(values, axis=positions) / ops.maximum(valid, 1.0)  # (batch,)
        if sample_weight is not None:
            values = values * ops.cast(ops.reshape(sample_weight, (-1,)), values.dtype)
        return values


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
        loss, weights = model.loss, loss_weights(model)
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


@dataclass(frozen=True)
class OutputLoss:
    """What one output adds to the loss.

    Attributes:
        place: Its place among the outputs.
        loss: Judges it.
        factor: The weight of this loss in the sum.
    """

    place: int
    loss: SampleLoss
    factor: float

    def __call__(self, label, output):
        """The loss of every sample, float32 (batch,)."""
        return ops.cast(self.factor * self.loss.per_sample(label, output), "float32")


def output_losses(model: keras.Model, losses: Any, weights: Any) -> tuple[OutputLoss, ...]:
    """The losses of the outputs that have one, in the order of the outputs.

    Args:
        model: The model.
        losses: As `sample_losses` gives them.
        weights: Likewise.
    """
    names = functional(model).output_names

    def per_output(structure, default) -> list:
        if isinstance(structure, (Mapping, list, tuple)):
            return align(structure, names)
        return [default if structure is None else structure] * len(names)

    pairs = zip(per_output(losses, None), per_output(weights, 1.0), strict=True)
    return tuple(
        OutputLoss(place, loss, 1.0 if factor is None else factor)
        for place, (loss, factor) in enumerate(pairs)
        if loss is not None
    )
