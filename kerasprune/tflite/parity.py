"""Does the exported file compute what the Keras model computes?"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core.errors import VerificationError
from kerasprune.recipes import Recipe
from kerasprune.tflite.flatbuffer import output_steps, parse
from kerasprune.tflite.runner import Runner
from kerasprune.tflite.signature import input_names, output_names


@dataclass(frozen=True)
class Parity:
    """How far an exported file is from its Keras model, in the worst of its outputs.

    Args:
        difference: Root mean square of the difference over that of Keras' output; what the tolerance is about.
        max_difference: The largest difference as a fraction of the largest absolute value of Keras' output.
    """

    difference: float
    max_difference: float


def check_parity(model: keras.Model, content: bytes, recipe: Recipe, samples: Sequence[np.ndarray]) -> Parity:
    """Compare a TFLite model with the Keras model it was made from.

    Args:
        model: The Keras model, computing in float32.
        content: The TFLite model.
        recipe: Says the tolerance.
        samples: One array (n, ...) per input.

    Raises:
        VerificationError: The difference is above the recipe's tolerance, or an output is not finite.
    """
    found = Runner(content)(dict(zip(input_names(model), samples, strict=True)))
    steps = output_steps(parse(content))
    results = []
    for name, expected in _keras_outputs(model, samples).items():
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
        results.append(Parity(difference, float(error.max(initial=0)) / peak))
    return Parity(max(r.difference for r in results), max(r.max_difference for r in results))


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype="float64")))) if array.size else 0.0


def _keras_outputs(model: keras.Model, samples: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of the Keras model in inference mode, by name, in float64."""
    structure = getattr(model, "input", model.inputs[0])
    outputs = model(keras.tree.pack_sequence_as(structure, list(samples)), training=False)
    arrays = [keras.ops.convert_to_numpy(output).astype("float64") for output in keras.tree.flatten(outputs)]
    return dict(zip(output_names(model), arrays, strict=True))
