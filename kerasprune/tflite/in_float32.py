"""The same model with other settings: same names, same weights, another way to compute."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from kerasprune.core.errors import ExportError

_HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself if it computes in float32, else a twin that does.

    TFLite has no half-precision CPU kernels; the variables of a mixed-precision model are float32 anyway.
    """
    dtypes = {layer.compute_dtype for layer in _layers(model)} | {tensor.dtype for tensor in model.inputs}
    return _rebuilt(model, _with_single_precision, "in float32") if dtypes.intersection(_HALF) else model


def single_precision(dtype: str) -> str:
    """The type that stands for this one in the twin."""
    return "float32" if dtype in _HALF else dtype


def unrolled(model: keras.Model, shapes: Sequence[tuple[int | None, ...]]) -> keras.Model:
    """The model itself if no recurrent layer loops over its steps, else a twin in which each step is spelled out.

    Args:
        model: The model.
        shapes: Of its inputs, with the batch axis; the twin takes no others.
    """
    if not any(getattr(layer, "unroll", True) is False for layer in _layers(model)):
        return model
    by_name = dict(zip(_input_layers(model.get_config()), shapes, strict=True))

    def spelled_out(key: str, value: Any) -> Any:
        if key == "layers":
            return [_of_shape(layer, by_name) for layer in value]
        return True if key == "unroll" else value

    return _rebuilt(model, spelled_out, "without loops")


def _input_layers(config: dict) -> list[str]:
    """The names of the layers that hold the inputs of a model, in the order of the inputs, by its configuration."""
    listed = config.get("input_layers")
    if listed is None:  # of a Sequential model
        return [config["layers"][0]["config"]["name"]]
    return [leaf for leaf in keras.tree.flatten(listed) if isinstance(leaf, str)]


def _of_shape(layer: dict, shapes: dict[str, tuple]) -> dict:
    """The configuration of an input layer with the shape that its name has; of any other layer as it is."""
    config = layer.get("config", {})
    if layer.get("class_name") != "InputLayer" or config.get("name") not in shapes:
        return layer
    return {**layer, "config": {**config, "batch_shape": shapes[config["name"]]}}


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


def _with_single_precision(key: str, value: Any) -> Any:
    name = (
        value["config"].get("name") if isinstance(value, dict) and value.get("class_name") == "DTypePolicy" else value
    )
    return single_precision(name) if key == "dtype" and isinstance(name, str) and name in _HALF else value


def _layers(layer: Any) -> Iterator[keras.Layer]:
    """A layer and all layers inside it: of a model, of a wrapper, of both directions of a `Bidirectional`."""
    yield layer
    inner = getattr(layer, "layers", None) or [
        getattr(layer, name) for name in ("layer", "forward_layer", "backward_layer") if hasattr(layer, name)
    ]
    for each in inner:
        if isinstance(each, keras.Layer):
            yield from _layers(each)
