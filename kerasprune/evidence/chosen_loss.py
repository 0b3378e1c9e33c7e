"""The loss that a model is judged by: the one that is given, the model's own, or what outputs and labels say."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras

from kerasprune.core import DataError
from kerasprune.evidence.inferred_loss import inferred_loss
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import loss_weights


@dataclass(frozen=True, eq=False)
class ChosenLoss:
    """A loss as `compile` takes it.

    Attributes:
        loss: A loss of Keras by name or as an object, a function, or a structure of these.
        weights: The weights of its parts; None for none.
        remark: A sentence that says how it was found, where nobody has given it; else empty.
    """

    loss: Any
    weights: Any = None
    remark: str = ""


def chosen_loss(model: keras.Model, sampling: Sampling) -> ChosenLoss:
    """As `find_loss`, with a warning where nobody has given the loss."""
    chosen = find_loss(model, sampling)
    if chosen.remark:
        warnings.warn(chosen.remark, stacklevel=2)
    return chosen


def find_loss(model: keras.Model, sampling: Sampling) -> ChosenLoss:
    """The loss of `sampling`, else the model's own, else what its outputs and the labels say.

    Args:
        model: The model.
        sampling: The data, and the loss where one is given.

    Raises:
        DataError: There is no loss and none follows from outputs and labels, or there is none of that name.
    """
    if isinstance(sampling.loss, ChosenLoss):
        return sampling.loss
    if sampling.loss is not None:
        return ChosenLoss(_known(sampling.loss))
    if getattr(model, "compiled", False) and model.loss is not None:
        return ChosenLoss(_known(model.loss), loss_weights(model))
    loss, remark = inferred_loss(model, sampling)
    return ChosenLoss(loss, None, remark)


def _known(loss: Any) -> Any:
    """The loss itself, once it is sure that Keras knows all of its names."""
    for part in keras.tree.flatten(loss):
        try:
            if part is not None and str(part).lower() not in ("crossentropy", "ce"):
                keras.losses.get(part)
        except ValueError as error:
            raise DataError(
                f"There is no loss {part!r}. Pass the name of a Keras loss, a keras.losses.Loss or a callable."
            ) from error
    return loss
