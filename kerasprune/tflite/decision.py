"""What the numbers that a model gives decide: a class, a yes or no, or nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasprune.evidence.inferred_loss import loss_of_output


class Decision(NamedTuple):
    """How an output is read.

    Attributes:
        name: "top class" or "yes or no".
        of: The decisions in an array (n, ..., classes): integers (n, ...), or truth values (n, ..., classes).
    """

    name: str
    of: Callable[[np.ndarray], np.ndarray]


def decision_of(name: str, values: np.ndarray, labels: Any, loss: Any) -> Decision | None:
    """What one output decides, as its labels say it, else the loss that the model learned by, else its values.

    Args:
        name: The output.
        values: Some of its values, (n, ..., classes).
        labels: The labels of the same samples; None for none.
        loss: The name or the object of the loss of this output; None for none.
    """
    found = loss_of_output(name, values, np.asarray(labels)) if labels is not None else None
    words = str(getattr(found or loss, "name", found or loss or "")).lower()
    is_probability = bool(values.size and values.min() >= 0 and values.max() <= 1 + 1e-3)
    several = values.ndim > 1 and values.shape[-1] > 1
    if "binary" in words:
        return _yes_or_no(0.5 if is_probability else 0.0)
    if several and ("categorical" in words or (not words and _sums_to_one(values))):
        return Decision("top class", lambda array: array.argmax(axis=-1))
    if not words and is_probability and not several and values.max() < 1:  # as of a sigmoid
        return _yes_or_no(0.5)
    return None


def losses_of(model: keras.Model, names: list[str]) -> list[Any]:
    """The loss of every output that a model was compiled with; None where there is none or it is of another form."""
    loss = getattr(model, "loss", None) if getattr(model, "compiled", False) else None
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    if isinstance(loss, (list, tuple)):
        return list(loss) if len(loss) == len(names) else [None] * len(names)
    return [loss] * len(names)


def agreement(decision: Decision, expected: np.ndarray, found: np.ndarray) -> float:
    """The part of all decisions that are the same."""
    return float(np.mean(decision.of(expected) == decision.of(found)))


def _yes_or_no(threshold: float) -> Decision:
    return Decision("yes or no", lambda array: array >= threshold)


def _sums_to_one(values: np.ndarray) -> bool:
    return values.min() >= 0 and bool(np.abs(values.sum(axis=-1) - 1).max() < 1e-2)
