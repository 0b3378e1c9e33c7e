"""How far every layer of a file is from the same layer of a float32 file, so that one sees which one breaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.tflite.flatbuffer import operators_with_tensors, parse
from kerasprune.tflite.layer_of_tensor import place
from kerasprune.tflite.runner import Runner
from kerasprune.tflite.subject import Subject

_SAMPLES = 16


@dataclass(frozen=True)
class LayerError:
    """The error of what one op of a file makes.

    Attributes:
        layer: The layer of the Keras model, or the tensor where that is not known.
        op: The name of the op.
        error: Root mean square of the difference to the float32 file over that of its value there.
        rise: By how much that is more than the largest error of what the op reads: its own part.
    """

    layer: str
    op: str
    error: float
    rise: float


def find_layer_errors(subject: Subject, content: bytes, floating: bytes) -> tuple[LayerError, ...]:
    """The errors of all ops whose output has a tensor of the same name in the float32 file, in the order of the file.

    Args:
        subject: The model and the samples.
        content: The file.
        floating: The float32 file of the same model.
    """
    samples = dict(zip(subject.input_names, [array[:_SAMPLES] for array in subject.samples], strict=True))
    expected = _tensors(floating, samples)
    found = _tensors(content, samples)
    errors: dict[int, float] = {}
    results = []
    for op, inputs, output, name in operators_with_tensors(parse(content)):
        before = max((errors[index] for index in inputs if index in errors), default=0.0)
        if name not in expected or name not in found or expected[name].shape != found[name].shape:
            errors[output] = before
            continue
        scale = max(float(np.sqrt(np.mean(expected[name] ** 2))), float(np.finfo("float32").tiny))
        errors[output] = float(np.sqrt(np.mean((found[name] - expected[name]) ** 2))) / scale
        layer = place(name, subject.model).removeprefix("in layer ").removeprefix("at ").strip("'")
        results.append(LayerError(layer, op, errors[output], max(errors[output] - before, 0.0)))
    return tuple(results)


def _tensors(content: bytes, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All floating or quantized tensors that a file computes, by name, as real numbers (n, ...)."""
    runner = Runner(content, keep_all=True)
    names = {name for _, _, _, name in operators_with_tensors(parse(content))}
    pieces = [dict(_kept(tensors, names)) for tensors in runner.all_tensors(samples)]
    return {name: np.stack([piece[name] for piece in pieces]) for name in pieces[0]} if pieces else {}


def _kept(tensors: Iterator[tuple[str, np.ndarray]] | Sequence[Any], names: set[str]):
    return ((name, array.astype("float64")) for name, array in tensors if name in names and array.dtype.kind == "f")
