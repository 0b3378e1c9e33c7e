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
from kerasprune.tflite.samples import Drawn, draw_samples, random_samples
from kerasprune.tflite.signature import InputSpec, distinct, input_names, input_specs, output_names
from kerasprune.tflite.states import States

_RANDOM_SAMPLES = 16


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
    def of(
        cls,
        model: keras.Model,
        recipe: Recipe,
        data: Any,
        layout: str,
        batch_size: int | None,
        input_shapes: Mapping[str, tuple[int, ...]] | None,
        seed: int,
    ) -> "Subject":
        """The model made ready; the names are those of the user's model. The arguments are those of `export`."""
        count = max(recipe.samples, batch_size or 1)
        drawn = None if data is None else draw_samples(model, data, count, seed)
        specs = input_specs(model, batch_size, input_shapes, drawn and drawn.x)
        specs = tuple(replace(spec, dtype=single_precision(spec.dtype)) for spec in specs)
        states = States.of(model, specs)
        if states.variables:  # they are as many as the samples of a call
            size = states.variables[0].shape[0]
            specs = tuple(replace(spec, shape=(size, *spec.shape[1:])) for spec in specs)
        ready = in_float32(model)
        ready = with_products(ready if recipe.loops else unrolled(ready, [spec.shape for spec in specs]))
        found = drawn or Drawn(random_samples(model, specs, _RANDOM_SAMPLES, seed), None)
        _check_samples(found.x, specs, batch_size, recipe)
        laid = laid_out(ready, layout)
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
