"""`export`: from a Keras model to a checked TFLite file."""

import importlib.util
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from kerasprune.core.batches import rereadable
from kerasprune.core.errors import DataError, ExportError, OptionError, VerificationError
from kerasprune.core.files import atomic_path, require_writable
from kerasprune.core.temporary import temporary_folder
from kerasprune.graph import first_not_finite
from kerasprune.recipes import RECIPES, Float32, Recipe
from kerasprune.tflite.answers import Answers
from kerasprune.tflite.child import convert_in_child
from kerasprune.tflite.convert import convert
from kerasprune.tflite.file_metadata import described
from kerasprune.tflite.flatbuffer import count_operators, parse, with_signature
from kerasprune.tflite.latency import benchmark
from kerasprune.tflite.layer_errors import LayerError, find_layer_errors
from kerasprune.tflite.parity import Parity, check_parity
from kerasprune.tflite.requirements import assert_installed
from kerasprune.tflite.signature import output_names
from kerasprune.tflite.subject import Request, Subject


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
        answers: What the file decides beside what Keras does, on the data, and how good it is by labels.
        remarks: What the user should know, in sentences: recipes that were refused, odd data, answers that differ.
        layer_errors: See `LayerError`; empty where they were not asked for.
    """

    path: Path
    size: int
    recipe: str
    difference: float | None
    max_difference: float | None
    ops: dict[str, int]
    layout: str
    inputs: dict[str, tuple[int | None, ...]]
    answers: Answers
    remarks: tuple[str, ...] = ()
    layer_errors: tuple[LayerError, ...] = ()


def export(
    model: keras.Model,
    path: str | os.PathLike,
    recipe: str | Recipe | Sequence[str | Recipe] = "float32",
    data: Any = None,
    *,
    verify: bool = True,
    layout: str = "channels_last",
    batch_size: int | None = 1,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    layer_errors: bool = False,
    metadata: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> ExportResult:
    """Write a model as a TFLite file of built-in ops, and check that the file computes the same.

    The same model, data and seed give the same bytes. A mixed-precision model is exported, and compared, in float32.
    On a backend other than TensorFlow the conversion runs in a child process; the comparison is with your model.

    Args:
        model: A functional or built Sequential model.
        path: Ends in `.tflite`; replaced only by a complete, checked file.
        recipe: "float32", "float16", "dynamic", "int8", "int16x8" or another name of `kerasprune.recipes`, or an object
            with options of its own, such as `Int8(io="int8")`. Each documents its tolerance. Several, in a list or as
            "int8,int16x8,dynamic": the first whose file holds its accuracy.
        data: Representative inputs, required by recipes of integers: any of the data kinds of kerasprune. With labels,
            what the file is worth is measured, too.
        verify: Compare with Keras on the samples of the data that the recipe takes, or on 16 random ones without data.
        layout: Of a model that has its channels first: "channels_last" makes a file that takes and gives images with
            their channels last, which is what phones have and costs no transpose; "own" one that takes and gives what
            the model does. The data is given as the model takes it either way.
        batch_size: Samples per call of the file. 1 is what devices run and what recurrent layers need; None leaves the
            batch axis open.
        input_shapes: Shape without the batch axis by input name, for inputs with open dimensions. What stays open is
            taken from the data.
        layer_errors: Whether to measure how far every layer of the file is from a float32 file.
        metadata: What the file shall say about itself, such as {"labels": [...]}: text, numbers, lists and dicts, which
            `file_metadata` reads.
        seed: Chooses the samples of the data, or makes the random ones.

    Returns:
        An `ExportResult`.

    Raises:
        ExportError: The model cannot be converted; the sentence names the layer and op, or the open dimension. Or
            TensorFlow is not installed.
        DataError: Data is missing or does not fit the model.
        VerificationError: The file differs from Keras by more than the recipe's tolerance, or decides otherwise on too
            many samples, or none of several recipes holds; nothing is written.

    Warns:
        UserWarning: The file answers otherwise than Keras more often than it should, or the data is odd.
        FolderError: The file cannot be written there.

    Example:

    >>> export(dense, "dense.tflite", recipe="int8", data=samples).ops
    {'DEQUANTIZE': 1, 'FULLY_CONNECTED': 2, 'QUANTIZE': 1}
    """
    chosen = _recipes(recipe)
    for each in chosen:
        _check(model, path, each, data, batch_size)
    if len(chosen) > 1:
        data = data if data is None else rereadable(data, limit=max(each.samples for each in chosen))
    request = Request(model, data, layout, batch_size, input_shapes, seed)
    refused: list[str] = []
    for each in chosen:
        try:
            made = _made(request, each, verify, layer_errors)
            if metadata is not None:
                made = replace(made, content=described(made.content, {"recipe": each.name, **metadata}))
        except (ExportError, VerificationError) as error:
            if len(chosen) == 1:
                raise
            refused.append(f"{each.name} is refused: {error}")
            continue
        if made.complaint and len(chosen) > 1:
            refused.append(made.complaint)
            continue
        return _written(made, Path(path), refused)
    raise VerificationError(f"None of the recipes holds. {' '.join(refused)}")


@dataclass(frozen=True, eq=False)
class _Made:
    """A file that is not written yet, and what is wrong with its answers."""

    content: bytes
    subject: Subject
    recipe: Recipe
    parity: Parity | None
    answers: Answers
    complaint: str
    layer_errors: tuple[LayerError, ...]


def _made(request: Request, recipe: Recipe, verify: bool, layer_errors: bool) -> _Made:
    subject = Subject.of(request, recipe)
    content = _converted(subject, recipe)
    parity = check_parity(subject, content, recipe) if verify else None
    answers = Answers()
    if parity is not None and subject.is_data:
        names = output_names(request.model)
        expected, found = ({name: each[name] for name in names} for each in (parity.expected, parity.found))
        labels = subject.labels if len(expected[names[0]]) == len(subject.samples[0]) else None
        answers = Answers.of(request.model, expected, found, labels)
        if answers.agreement is not None and answers.agreement < recipe.agreement:
            raise VerificationError(
                f"{answers.complaint(recipe)} If that is good enough, lower the recipe's `agreement`."
            )
    errors = find_layer_errors(subject, content, _converted(subject, Float32())) if layer_errors else ()
    return _Made(content, subject, recipe, parity, answers, answers.complaint(recipe), errors)


def _converted(subject: Subject, recipe: Recipe) -> bytes:
    run = convert if keras.backend.backend() == "tensorflow" else convert_in_child
    content = run(subject.model, subject.specs, recipe, subject.samples)
    return recipe.finish(with_signature(content, subject.input_names, subject.output_names))


def _beside(made: _Made) -> list[str]:
    """What a file saves beside that of another recipe, measured; nothing where the recipe names none."""
    if not made.recipe.beside:
        return []
    with temporary_folder() as folder:
        other, own = folder / "other.tflite", folder / "own.tflite"
        other.write_bytes(_converted(made.subject, RECIPES[made.recipe.beside]()))
        own.write_bytes(made.content)
        speedup = benchmark(own, other).speedup
        size = other.stat().st_size
    return [
        f"The {made.recipe.name} file has {len(made.content):,} bytes and the {made.recipe.beside} one {size:,}; it is "
        f"{speedup:.2f} times as fast on this machine."
    ]


def _written(made: _Made, path: Path, refused: Sequence[str]) -> ExportResult:
    with atomic_path(path) as temporary:
        temporary.write_bytes(made.content)
    said = [*made.subject.remarks(made.recipe), *([made.complaint] if made.complaint else [])]
    for sentence in said:
        warnings.warn(sentence, stacklevel=3)
    return ExportResult(
        path=path,
        size=len(made.content),
        recipe=made.recipe.name,
        difference=made.parity.difference if made.parity else None,
        max_difference=made.parity.max_difference if made.parity else None,
        ops=count_operators(parse(made.content)),
        layout=made.subject.layout,
        inputs={spec.name: spec.shape for spec in made.subject.specs},
        answers=made.answers,
        remarks=(*refused, *said, *_beside(made)),
        layer_errors=made.layer_errors,
    )


def _recipes(given: str | Recipe | Sequence[str | Recipe]) -> list[Recipe]:
    """The recipes that were named, each once."""
    named = given.split(",") if isinstance(given, str) else [given] if isinstance(given, Recipe) else list(given)
    if not named:
        raise OptionError("`recipe` names no recipe. Received: an empty list. For plain float use 'float32'.")
    return [RECIPES[each.strip()]() if isinstance(each, str) else each for each in named]


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
    if recipe.package and importlib.util.find_spec(recipe.package) is None:
        raise ExportError(
            f"The recipe {recipe.name!r} needs {recipe.package.replace('_', '-')}, which is missing. Run: pip install "
            "'kerasprune[int4]'."
        )
    if recipe.needs_data and data is None:
        raise DataError(f"The recipe {recipe.name!r} needs representative data: pass `data`, about 100 samples.")
    weight = first_not_finite(model)
    if weight is not None:
        raise ExportError(f"The weight {weight!r} holds NaN or infinite values. Train the model anew, or repair it.")
