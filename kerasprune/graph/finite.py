"""Whether the weights of a model are numbers."""

import keras
import numpy as np


def first_not_finite(model: keras.Model) -> str | None:
    """The path of the first weight that holds NaN or infinity, None where there is none."""
    for weight in model.weights:
        values = keras.ops.convert_to_numpy(weight)
        if values.dtype.kind in "biuSU":
            continue
        # bfloat16 and the like are no numbers to numpy
        if not np.isfinite(values if values.dtype.kind in "fc" else values.astype("float32")).all():
            return weight.path
    return None
