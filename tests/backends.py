"""What tests need to know of the backend that they run on."""

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()


def in_bundles(steps: int, compiled: bool = False) -> dict:
    """The settings of `compile` for so many steps at a time, compiled by XLA; torch has neither."""
    if BACKEND == "torch":
        return {}
    return {"steps_per_execution": steps} | ({"jit_compile": True} if compiled else {})


def numbers(tensor) -> np.ndarray:
    """What a tensor holds; torch gives it by itself only where no gradient is asked for."""
    return keras.ops.convert_to_numpy(tensor)


def not_on_torch(names, failing: dict[str, str]) -> list:
    """Parameters of a test, those that Keras itself does not run on torch left out, with the reason."""
    return [
        pytest.param(
            name, marks=pytest.mark.skipif(BACKEND == "torch" and name in failing, reason=failing.get(name, ""))
        )
        for name in names
    ]
