"""The same model with other settings: same names, same weights, another way to compute."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerasprune.core.errors import ExportError

_HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself if it computes in float32, else a twin that does.

    TFLite has no half-precision CPU kernels; the variables of a mixed-precision model are float32 anyway.
    """
    dtypes = {layer.compute_dtype for layer in _layers(model)} | {tensor.dtype for tensor in model.inputs}
    return _rebuilt(model, _single_precision, "in float32") if dtypes.intersection(_HALF) else model


def unrolled(model: keras.Model) -> keras.Model:
    """The model itself if no recurrent layer loops over its steps, else a twin in which each step is spelled out."""
    loops = any(getattr(layer, "unroll", True) is False for layer in _layers(model))
    return _rebuilt(model, _spelled_out, "without loops") if loops else model


def _rebuilt(model: keras.Model, edit: Callable[[str, Any], Any], purpose: str) -> keras.Model:
    """A twin of the model, made from its config after `edit(key, value)` of every entry."""
    try:
        twin = type(model).from_config(_edited(model.get_config(), edit))
        twin.set_weights([weight.astype("float32", copy=False) for weight in model.get_weights()])
    except Exception as error:  # whatever a layer's own constructor raises
        reason = str(error).split("Exception encountered: ")[-1].strip().splitlines()[0]
        raise ExportError(f"The model {model.name!r} cannot be rebuilt {purpose}: {reason}") from error
    return twin


def _edited(node: Any, edit: Callable[[str, Any], Any]) -> Any:
    if isinstance(node, dict):
        return {key: edit(key, _edited(value, edit)) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_edited(item, edit) for item in node)
    return node


def _single_precision(key: str, value: Any) -> Any:
    name = (
        value["config"].get("name") if isinstance(value, dict) and value.get("class_name") == "DTypePolicy" else value
    )
    return "float32" if key == "dtype" and name in _HALF else value


def _spelled_out(key: str, value: Any) -> Any:
    return True if key == "unroll" else value


def _layers(layer: Any) -> Iterator[keras.Layer]:
    """A layer and all layers inside it: of a model, of a wrapper, of both directions of a `Bidirectional`."""
    yield layer
    inner = getattr(layer, "layers", None) or [
        getattr(layer, name) for name in ("layer", "forward_layer", "backward_layer") if hasattr(layer, name)
    ]
    for each in inner:
        if isinstance(each, keras.Layer):
            yield from _layers(each)
