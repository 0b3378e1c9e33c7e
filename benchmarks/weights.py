"""Random weights under which a deep network neither explodes nor forgets its input."""

import keras
import numpy as np


def randomize(model: keras.Model, rng: np.random.Generator) -> None:
    """Draw kernels at the scale that keeps the variance of a ReLU network; no statistic, scale or bias is trivial."""
    for variable in model.weights:
        shape, kind = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        of_data = kind in ("mean", "variance", "count")  # at the model's front
        if of_data or not keras.backend.is_float_dtype(variable.dtype):
            continue
        if kind in ("moving_variance", "gamma"):
            value = rng.uniform(0.8, 1.2, shape)
        elif len(shape) < 2:
            value = 0.1 * rng.standard_normal(shape)
        else:
            depthwise = "depthwise" in variable.path
            fan_in = np.prod(shape[:-2]) if depthwise else np.prod(shape[:-1])
            value = rng.standard_normal(shape) * np.sqrt(2.0 / max(fan_in, 1))
        variable.assign(value.astype("float32"))
