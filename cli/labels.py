"""Whether labels fit a model, asked before the work begins."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasprune_cli.errors import BadInput

_NO_NUMBERS = {"M": "dates", "m": "times", "c": "complex numbers", "O": "objects", "V": "records"}


def check_labels(y: Any, size: int, model, source: str) -> None:
    """Raise BadInput unless there is one usable label for every sample.

    Args:
        y: An array; or, for a model with several outputs, a structure of arrays.
        size: The number of samples.
        model: The Keras model that shall be trained or judged by them.
        source: Where they come from, for the sentence.
    """
    if isinstance(y, (Mapping, list, tuple)):
        for part in y.values() if isinstance(y, Mapping) else y:
            _check_array(np.asarray(part), size, source)
        return
    _check_array(y, size, source)
    if len(model.outputs) == 1:
        _check_shape(y, tuple(model.outputs[0].shape), source)


def check_weights(weights: np.ndarray, size: int, source: str) -> None:
    """Raise BadInput unless there is one finite weight, not below zero, for every sample."""
    if weights.dtype.kind not in "biuf" or weights.ndim == 0 or len(weights) != size:
        raise BadInput(
            f"The sample weights in {source!r} must be one number for each of the {size} samples; received shape "
            f"{weights.shape} of {weights.dtype}."
        )
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise BadInput(f"The sample weights in {source!r} must be finite and not below 0.")


def _check_array(y: np.ndarray, size: int, source: str) -> None:
    if y.dtype.kind in "US":
        example = str(y.flat[0])[:30] if y.size else ""
        raise BadInput(
            f"The labels in {source!r} are words, such as {example!r}; number the classes from 0, as "
            "np.unique(words, return_inverse=True)[1] does."
        )
    if y.dtype.kind not in "biuf":
        kind = _NO_NUMBERS.get(y.dtype.kind, str(y.dtype))
        raise BadInput(f"The labels in {source!r} are {kind}; expected numbers: classes from 0, or values to predict.")
    if y.ndim == 0:
        raise BadInput(f"The labels in {source!r} are one number; expected one for each of the {size} samples.")
    if len(y) != size:
        raise BadInput(f"{source!r} holds {size} inputs but {len(y)} labels; expected one label for every input.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise BadInput(f"The labels in {source!r} hold NaN or infinite values; leave these samples out, or mend them.")


def _check_shape(y: np.ndarray, output: tuple, source: str) -> None:
    """Classes, without the axis of the outputs or with one of size 1, are whole; all else is like the output."""
    classes = output[-1]
    names_classes = y.ndim == len(output) - 1 or (y.ndim == len(output) and y.shape[-1] == 1)
    if names_classes and classes not in (None, 1) and _same(output[1:-1], y.shape[1 : len(output) - 1]):
        if (y != np.floor(y)).any():
            wrong = y[y != np.floor(y)].flat[0]
            raise BadInput(
                f"The labels in {source!r} must name one of {classes} classes by its number, 0 to {classes - 1}; found "
                f"{wrong:g}."
            )
        if y.min() < 0 or y.max() >= classes:
            raise BadInput(
                f"The labels in {source!r} run from {y.min():g} to {y.max():g}; the model has {classes} classes, "
                f"0 to {classes - 1}."
            )
    elif not _same(output[1:], y.shape[1:]) and not (y.ndim == len(output) - 1 and classes in (None, 1)):
        raise BadInput(f"The labels in {source!r} have shape {y.shape}; the model's output is {output}.")


def _same(expected: tuple, found: tuple) -> bool:
    return len(expected) == len(found) and all(want in (None, got) for want, got in zip(expected, found, strict=True))
