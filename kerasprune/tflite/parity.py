"""Does the exported file compute what the Keras model computes?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasprune.core.errors import VerificationError
from kerasprune.recipes import Recipe
from kerasprune.tflite.flatbuffer import output_steps, parse
from kerasprune.tflite.runner import Runner
from kerasprune.tflite.subject import Subject

_CHECKED_ENTRIES = 2**23  # numbers in all samples of the check


@dataclass(frozen=True, eq=False)
class Parity:
    """How far an exported file is from its Keras model, in the worst of its outputs.

    Args:
        difference: Root mean square of the difference over that of Keras' output; what the tolerance is about.
        max_difference: The largest difference as a fraction of the largest absolute value of Keras' output.
        expected: What Keras gives for the samples, by the name of the output, in float64, and
        found: what the file gives.
    """

    difference: float
    max_difference: float
    expected: Mapping[str, np.ndarray]
    found: Mapping[str, np.ndarray]


def check_parity(subject: Subject, content: bytes, recipe: Recipe) -> Parity:
    """Compare a TFLite model with the Keras model it was made from.

    Args:
        subject: The Keras model and the samples.
        content: The TFLite model.
        recipe: Says the tolerance.

    Raises:
        VerificationError: The difference is above the recipe's tolerance, or an output is not finite.
    """
    samples = _first(subject.samples)
    found = Runner(content)(dict(zip(subject.input_names, samples, strict=True)))
    steps = output_steps(parse(content))
    outputs = dict(zip(subject.output_names, subject.states.outputs(subject.model, samples), strict=True))
    differences, peaks = [], []
    for name, expected in outputs.items():
        if not np.isfinite(expected).all():
            raise VerificationError(
                f"Output {name!r} of the Keras model is NaN or infinite on the samples of the check. Repair the model, "
                "or pass data that it is made for."
            )
        error = np.abs(found[name] - expected)
        scale = max(_rms(expected), float(np.finfo("float32").tiny))
        difference = _rms(error) / scale
        allowed = recipe.tolerance + steps[name] / scale
        if not difference <= allowed:  # also where it is NaN
            raise VerificationError(
                f"Output {name!r} of the {recipe.name} file differs from Keras by {difference:.3g} (root mean square, "
                f"relative to the output). Allowed: {allowed:.3g}. If its accuracy on your data is good enough, raise "
                "the recipe's `tolerance`."
            )
        peak = max(float(np.abs(expected).max(initial=0)), float(np.finfo("float32").tiny))
        differences.append(difference)
        peaks.append(float(error.max(initial=0)) / peak)
    return Parity(max(differences), max(peaks), outputs, found)


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype="float64")))) if array.size else 0.0


def _first(samples: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The samples, or the first of them where they are large."""
    entries = sum(array[0].size for array in samples)
    return [array[: max(1, _CHECKED_ENTRIES // max(entries, 1))] for array in samples]
