"""What goes into a model and what comes out, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core.errors import DataError, ExportError


@dataclass(frozen=True)
class InputSpec:
    """One input of the exported model.

    Args:
        name: Its name in the Keras model and in the TFLite signature.
        shape: With the batch axis first; None there means any batch size.
        dtype: The name of its type.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def input_names(model: keras.Model) -> list[str]:
    """The names of the model's inputs, in the order of `model.inputs`."""
    return distinct([tensor.name for tensor in model.inputs])


def output_names(model: keras.Model) -> list[str]:
    """The names of the model's outputs, in the order of `model.outputs`.

    A dict of outputs is called by its keys, other outputs by the layers that make them.
    """
    if isinstance(getattr(model, "output", None), Mapping):
        return distinct(_keys(model.output))
    return distinct(list(getattr(model, "output_names", None) or [model.layers[-1].name]))


def input_specs(
    model: keras.Model,
    batch_size: int | None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    samples: list[np.ndarray] | None = None,
) -> tuple[InputSpec, ...]:
    """The fixed shapes that the exported model will take.

    Args:
        model: A functional or built Sequential model.
        batch_size: Samples per call, or None for any number.
        shapes: For inputs with open dimensions: the shape without the batch axis, by the name of the input or of the
            layer that holds it.
        samples: One array (n, ...) per input; a dimension that is open in the model and not in `shapes` is read here.

    Raises:
        ExportError: A dimension stays open, a shape contradicts the model, or an input is no numeric tensor.
    """
    shapes = _by_input(model, shapes or {})
    specs = []
    for position, (name, tensor) in enumerate(zip(input_names(model), model.inputs, strict=True)):
        declared = tuple(tensor.shape[1:])
        given = tuple(shapes.pop(name, samples[position].shape[1:] if samples else declared))
        shape = tuple(want if size is None else size for size, want in zip(declared, given, strict=False))
        if len(given) != len(declared) or any(a not in (None, b) for a, b in zip(declared, given, strict=False)):
            raise ExportError(f"Input {name!r} has the shape {declared} without batch. Received: {given}.")
        if None in shape:
            raise ExportError(
                f"Input {name!r} has open dimensions: {declared} without batch. A TFLite file has fixed ones. "
                f"Pass input_shapes={{{name!r}: (...)}}, or data of the size that the device will see."
            )
        if tensor.dtype == "string":
            raise ExportError(f"Input {name!r} takes strings, which the TFLite recipes do not support.")
        specs.append(InputSpec(name, (batch_size, *shape), str(tensor.dtype)))
    if shapes:
        raise ExportError(f"`input_shapes` names no input: {sorted(shapes)}. The inputs are {input_names(model)}.")
    return tuple(specs)


def _by_input(model: keras.Model, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes by the names of inputs, where some are given by the names of the layers that hold the inputs."""
    names = dict(zip(map(id, model.inputs), input_names(model), strict=True))
    held = {layer.name: id(layer.output) for layer in model.layers if isinstance(layer, keras.layers.InputLayer)}
    return {names.get(held.get(name, -1), name): tuple(shape) for name, shape in shapes.items()}


def flat_inputs(model: keras.Model, x: Any) -> list[np.ndarray]:
    """The arrays of one batch of inputs in the order of `model.inputs`.

    Args:
        model: A functional or built Sequential model.
        x: An array, a list of arrays, or a dict with the model's own keys or its input names.

    Raises:
        DataError: The number, the names or the shapes of the arrays do not fit the model.
    """
    names = input_names(model)
    keys = _keys(model.input) if isinstance(getattr(model, "input", None), Mapping) else names
    if isinstance(x, Mapping):
        order = keys if set(keys) <= set(x) else names
        missing = [name for name in order if name not in x]
        if missing:
            raise DataError(f"The data lacks the inputs {missing}. Received: {sorted(map(str, x))}.")
        arrays = [x[name] for name in order]
    else:
        arrays = keras.tree.flatten(x)
    if len(arrays) != len(names):
        raise DataError(
            f"The model has {len(names)} inputs ({', '.join(names)}). Received: {len(arrays)} arrays. "
            "Several inputs go into a dict by name."
        )
    return [_fitting(name, tensor, array) for name, tensor, array in zip(names, model.inputs, arrays, strict=True)]


def _fitting(name: str, tensor: Any, array: Any) -> np.ndarray:
    """The array with the input's type, if its shape fits."""
    array = np.asarray(array)
    declared = tuple(tensor.shape[1:])
    if declared == (1,) and array.ndim == 1:  # one number for a sample, such as a Series of pandas
        array = array[:, None]
    fits = array.ndim == len(declared) + 1 and all(
        want in (None, size) for want, size in zip(declared, array.shape[1:], strict=True)
    )
    if not fits:
        raise DataError(f"Input {name!r} expects samples of shape {declared}. Received: {array.shape[1:]}.")
    if array.dtype.kind not in "biuf":
        raise DataError(f"Input {name!r} expects numbers of type {tensor.dtype}. Received: {array.dtype}.")
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"The data for input {name!r} holds NaN or infinite values: nothing can be measured on them.")
    if "int" in dtype and not (array == array.astype(dtype)).all():
        raise DataError(
            f"Input {name!r} expects whole numbers of type {dtype}. Received: {array.dtype} from {array.min():.4g} to "
            f"{array.max():.4g}."
        )
    return array.astype(dtype)


def _keys(mapping: Mapping) -> list[str]:
    """The keys of a flat dict in the order in which Keras flattens it."""
    return keras.tree.flatten({key: str(key) for key in mapping})


def distinct(names: list[str]) -> list[str]:
    """The names, with a number behind each one that stood before."""
    distinct: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in distinct:
            number += 1
            candidate = f"{name}_{number}"
        distinct.append(candidate)
    return distinct
