"""Where in a Keras model a tensor of its file comes from."""

import re
from typing import Any

import keras


def place(tensor: str, model: keras.Model) -> str:
    """Where the tensor "model_1/block_1/conv_1/convolution" comes from, by the innermost layer in its name."""
    layers = set(_layer_names(model))
    for part in reversed(tensor.split(";")[0].split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return f"in layer {name!r}"
    return f"at {tensor!r}"


def _layer_names(model: Any) -> list[str]:
    names = []
    for layer in getattr(model, "layers", ()):
        names += [layer.name, *_layer_names(layer)]
    return names
