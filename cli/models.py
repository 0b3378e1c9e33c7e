"""Opening the MODEL of a command."""

import warnings
from pathlib import Path

import numpy as np

from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import keras, kp


def open_model(path: Path):
    """The Keras model in `path`, built, with finite weights.

    Raises:
        BadInput: A weight holds NaN or infinity: every score, and every comparison, would be meaningless.
    """
    with warnings.catch_warnings():
        # What a model fresh from slimming says: its optimizer has taken no step yet, so there is no state to restore.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = kp.load_model(path)
    for variable in model.weights:
        values = keras.ops.convert_to_numpy(variable)
        if values.dtype.kind not in "biu" and not np.isfinite(values.astype("float32")).all():
            raise BadInput(f"The weight {variable.path!r} of {str(path)!r} holds NaN or infinite values.")
    return model
