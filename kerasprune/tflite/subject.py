"""A model made ready for one recipe: what is converted, on which samples, and what its borders are called."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerasprune.core.errors import DataError
from kerasprune.recipes import Recipe
from kerasprune.tflite.in_float32 import in_float32, single_precision, unrolled
from kerasprune.tflite.layout import laid_out
from kerasprune.tflite.products import with_products
from kerasprune.tflite.remembered import States
from kerasprune.tflite.samples import DrawnSamples, draw_samples, random_samples
from kerasprune.tflite.signature import InputSpec, distinct, input_names, input_specs, output_names

_RANDOM_SAMPLES = 16
_FEW = 8  # samples of a calibration that are worth a remark


@dataclass(frozen=True, eq=False)
class Request:
    """What a user wants to have exported, as `export` takes it.

    Attributes:
        model: The user's model.
        data: Of any kind; None for none.
        layout: "channels_last" or "own".
        batch_size: Samples per call; None for any number.
        input_shapes: By the name of the input.
        seed: For what is drawn at random.
    """

    model: keras.Model
    data: Any
    layout: str
    batch_size: int | None
    input_shapes: Mapping[str, tuple[int, ...]] | None
    seed: int


@dataclass(frozen=True, eq=False)
class Subject:
    """What one export is about.

    Attributes:
        model: A model that computes in float32, with channels last.
        states: What it remembers from call to call.
        specs: The inputs and the states, as the file takes them.
        samples: One array (n, ...) per input and state.
        labels: Those of the samples; None where the data has none, or there is no data.
        input_names: What the inputs and the states are called in the file, and
        output_names: what the outputs and the next states are called.
        layout: As in `ExportResult`.
        is_data: Whether the samples are the user's, and not random.
    """

    model: keras.Model
    states: States
    specs: tuple[InputSpec, ...]
    samples: list[np.ndarray]
    labels: Any
    input_names: list[str]
    output_names: list[str]
    layout: str
    is_data: bool

    @classmethod
    def of(cls, request: Request, recipe: Recipe) -> "Subject":
        """The model made ready for a recipe; the names are those of the user's model."""
        model, batch_size = request.model, request.batch_size
        count = max(recipe.samples, batch_size or 1)
        drawn = None if request.data is None else draw_samples(model, request.data, count, request.seed)
        specs = input_specs(model, batch_size, request.input_shapes, drawn and drawn.x)
        specs = tuple(replace(spec, dtype=single_precision(spec.dtype)) for spec in specs)
        states = States.of(model, specs)
        if states.variables:  # they are as many as the samples of a call
            size = states.variables[0].shape[0]
            specs = tuple(replace(spec, shape=(size, *spec.shape[1:])) for spec in specs)
        ready = in_float32(model)
        ready = with_products(ready if recipe.loops else unrolled(ready, [spec.shape for spec in specs]))
        found = drawn or DrawnSamples(random_samples(model, specs, _RANDOM_SAMPLES, request.seed), None)
        _check_samples(found.x, specs, batch_size, recipe)
        laid = laid_out(ready, request.layout)
        if states.variables:
            states = replace(States.of(laid.model, laid.specs(specs)), names=states.names)
        return cls(
            model=laid.model,
            states=states,
            specs=(*laid.specs(specs), *states.specs),
            samples=states.samples(laid.model, laid.samples(found.x)),
            labels=found.y,
            input_names=[*input_names(model), *states.names],
            output_names=distinct([*output_names(model), *states.names]),
            layout=laid.name,
            is_data=drawn is not None,
        )

    def remarks(self, recipe: Recipe) -> list[str]:
        """What is unusual about the samples, in sentences."""
        if not self.is_data:
            return []
        said = []
        count = len(self.samples[0])
        is_asked = recipe.samples != type(recipe)().samples
        if recipe.needs_data and count < (recipe.samples if is_asked else _FEW):
            said.append(
                f"The {recipe.name} file is calibrated on {count} samples; {recipe.samples} were asked for. Give more."
            )
        for name, array in zip(self.input_names, self.samples, strict=True):
            if (
                recipe.needs_data
                and name not in self.states.names
                and array.size > 1
                and (array == array.flat[0]).all()
            ):
                said.append(
                    f"All values of the data for input {name!r} are {array.flat[0]:.4g}: is it what the model sees?"
                )
        return said


def _check_samples(samples: list[np.ndarray], specs: tuple[InputSpec, ...], batch_size: int | None, recipe: Recipe):
    for array, spec in zip(samples, specs, strict=True):
        if array.shape[1:] != spec.shape[1:]:
            raise DataError(
                f"Input {spec.name!r} of the file takes samples of shape {spec.shape[1:]}; the data has "
                f"{array.shape[1:]}. Pass data of that shape, or other `input_shapes`."
            )
    if recipe.needs_data and len(samples[0]) < (batch_size or 1):
        raise DataError(
            f"The recipe {recipe.name!r} is calibrated on whole batches of {batch_size}. Received: {len(samples[0])} "
            "samples. Pass more, or a smaller batch_size."
        )
