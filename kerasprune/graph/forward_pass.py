"""The forward pass that is going on."""

import keras

_NAME = "kerasprune"


def remembered(layer: keras.layers.Layer) -> dict:
    """What layers note for the rest of this forward pass: a dict that ends with the outermost call that is going on.

    Whatever layers share within one step, and only within it, is made by whoever is called first and found here by the
    others, on every backend and in every thread that traces a replica.

    Args:
        layer: The layer that asks, from inside its `call`.
    """
    context = layer._get_call_context()
    memory = context.get_value(_NAME)
    if memory is None:
        memory = {}
        context.set_value(_NAME, memory)
    return memory
