"""What tests need to know of the backend that they run on."""

import keras

BACKEND = keras.backend.backend()


def in_bundles(steps: int, compiled: bool = False) -> dict:
    """The settings of `compile` for so many steps at a time, compiled by XLA; torch has neither."""
    if BACKEND == "torch":
        return {}
    return {"steps_per_execution": steps} | ({"jit_compile": True} if compiled else {})
