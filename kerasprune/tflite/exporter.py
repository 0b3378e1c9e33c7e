"""`export`: from a Keras model to a checked TFLite file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kerasprune.core.errors import DataError, ExportError
from kerasprune.core.files import atomic_path, require_writable
from kerasprune.graph import first_not_finite
from kerasprune.recipes import RECIPES, Recipe
from kerasprune.tflite.child import convert_in_child
from kerasprune.tflite.convert import convert
from kerasprune.tflite.flatbuffer import count_operators, parse, with_signature
from kerasprune.tflite.parity import check_parity
from kerasprune.tflite.requirements import assert_installed
from kerasprune.tflite.subject import Subject


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Args:
        path: The file.
        size: Its size in bytes.
        recipe: The recipe's name.
        difference: Root mean square of the difference to Keras over that of Keras' output; None if not checked.
        max_difference: The largest difference over the largest absolute value of Keras' output; None if not checked.
        ops: How often each TFLite op occurs, by name.
        layout: "channels_last" where the file takes or gives images with their channels last and the model does not;
            "own" where it takes and gives what the model does.
        inputs: The shape of every input of the file, by name; None = any size.
    """

    path: Path
    size: int
    recipe: str
    difference: float | None
    max_difference: float | None
    ops: dict[str, int]
    layout: str
    inputs: dict[str, tuple[int | None, ...]]


def export(
    model: keras.Model,
    path: str | os.PathLike,
    recipe: str | Recipe = "float32",
    data: Any = None,
    *,
    verify: bool = True,
    layout: str = "channels_last",
    batch_size: int | None = 1,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    seed: int = 0,
) -> ExportResult:
    """Write a model as a TFLite file of built-in ops, and check that the file computes the same.

    The same model, data and seed give the same bytes. A mixed-precision model is exported, and compared, in float32.
    On a backend other than TensorFlow the conversion runs in a child process; the comparison is with your model.

    Args:
        model: A functional or built Sequential model.
        path: Ends in `.tflite`; replaced only by a complete, checked file.
        recipe: "float32", "float16", "dynamic" or "int8", or an object with options of its own, such as
            `Int8(io="int8")`. Each documents its tolerance.
        data: Representative inputs, required by "int8": any of the data kinds of kerasprune; labels are ignored.
        verify: Compare with Keras on 16 samples of the data, or on random ones without data.
        layout: Of a model that has its channels first: "channels_last" makes a file that takes and gives images with
            their channels last, which is what phones have and costs no transpose; "own" one that takes and gives what
            the model does. The data is given as the model takes it either way.
        batch_size: Samples per call of the file. 1 is what devices run and what recurrent layers need; None leaves the
            batch axis open.
        input_shapes: Shape without the batch axis by input name, for inputs with open dimensions. What stays open is
            taken from the data.
        seed: Chooses the samples of the data, or makes the random ones.

    Returns:
        An `ExportResult`.

    Raises:
        ExportError: The model cannot be converted; the sentence names the layer and op, or the open dimension. Or
            TensorFlow is not installed.
        DataError: Data is missing or does not fit the model.
        VerificationError: The file differs from Keras by more than the recipe's tolerance; nothing is written.
        FolderError: The file cannot be written there.

    Example:

    >>> export(dense, "dense.tflite", recipe="int8", data=samples).ops
    {'DEQUANTIZE': 1, 'FULLY_CONNECTED': 2, 'QUANTIZE': 1}
    """
    chosen = RECIPES[recipe]() if isinstance(recipe, str) else recipe
    _check(model, path, chosen, data, batch_size)
    subject = Subject.of(model, chosen, data, layout, batch_size, input_shapes, seed)
    run = convert if keras.backend.backend() == "tensorflow" else convert_in_child
    content = run(subject.model, subject.specs, chosen, subject.samples)
    content = with_signature(content, subject.input_names, subject.output_names)
    parity = check_parity(subject, content, chosen) if verify else None
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    difference, max_difference = (parity.difference, parity.max_difference) if parity else (None, None)
    return ExportResult(
        path=Path(path),
        size=len(content),
        recipe=chosen.name,
        difference=difference,
        max_difference=max_difference,
        ops=count_operators(parse(content)),
        layout=subject.layout,
        inputs={spec.name: spec.shape for spec in subject.specs},
    )


def _check(model, path, recipe: Recipe, data, batch_size) -> None:
    """Refuse what cannot work before the slow part begins."""
    assert_installed()
    require_writable(path)
    if Path(path).suffix != ".tflite":
        raise ExportError(f"An exported file must end in '.tflite'. Received: {str(path)!r}.")
    if batch_size is not None and batch_size < 1:
        raise ExportError(f"`batch_size` must be at least 1, or None for any. Received: {batch_size}.")
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ExportError(
            f"The model {getattr(model, 'name', model)!r} has no fixed inputs: it is subclassed or not built. Wrap it: "
            "inputs = keras.Input(shape); model = keras.Model(inputs, model(inputs))."
        )
    if recipe.needs_data and data is None:
        raise DataError(f"The recipe {recipe.name!r} needs representative data: pass `data`, about 100 samples.")
    weight = first_not_finite(model)
    if weight is not None:
        raise ExportError(f"The weight {weight!r} holds NaN or infinite values. Train the model anew, or repair it.")
