"""Rewriting the config of a Keras 2 model into one that Keras 3 accepts.

Keras 2 wrote some arguments that Keras 3 no longer knows, and Keras 3 refuses a config for one unknown key. Nearly
always the value is the one that meant "as usual" (`groups=1` of a depthwise convolution, `time_major=False` of an
LSTM), so the key can go. Where it is not, the model means something that Keras 3 cannot say, and the file is refused.
"""

from typing import Any

import keras

from kerasprune.core.errors import ModelFileError

_ANY = object()  # the value never mattered to what the layer computes

_UNGROUPED = (
    "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
)  # fmt: skip
_FACTORED = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
_RECURRENT = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN")
_OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD")

# key, the value that means "as usual", the classes that wrote it
_DROPPED = (
    ("groups", 1, _UNGROUPED),
    ("kernel_initializer", _ANY, _FACTORED),
    ("kernel_regularizer", _ANY, _FACTORED),
    ("kernel_constraint", _ANY, _FACTORED),
    ("time_major", False, _RECURRENT),
    ("implementation", _ANY, ("RNN", "SimpleRNN", "SimpleRNNCell")),
    ("fused", _ANY, ("BatchNormalization",)),
    ("renorm", False, ("BatchNormalization",)),
    ("renorm_clipping", _ANY, ("BatchNormalization",)),
    ("renorm_momentum", _ANY, ("BatchNormalization",)),
    ("virtual_batch_size", None, ("BatchNormalization",)),
    ("input_length", _ANY, ("Embedding",)),
    ("query_shape", _ANY, ("MultiHeadAttention",)),
    ("key_shape", _ANY, ("MultiHeadAttention",)),
    ("value_shape", _ANY, ("MultiHeadAttention",)),
    ("decay", 0.0, _OPTIMIZERS),
)
_WRAPPED = ("layer", "backward_layer", "cell", "cells")
_RENAMED_CLASSES = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
_RENAMED_KEYS = {("LeakyReLU", "alpha"): "negative_slope"}


def modernize(config: Any) -> Any:
    """A copy of a Keras 2 config (of a model, a layer or training settings) that Keras 3 accepts.

    Args:
        config: Nested dicts and lists as read from JSON. It is not changed.

    Raises:
        ModelFileError: A layer uses an option that Keras 3 does not have.
    """
    if isinstance(config, list):
        return [modernize(item) for item in config]
    if not isinstance(config, dict):
        return config
    node = {key: modernize(value) for key, value in config.items()}
    if isinstance(node.get("class_name"), str) and isinstance(node.get("config"), dict):
        node["class_name"] = _RENAMED_CLASSES.get(node["class_name"], node["class_name"])
        node["config"] = _modern_arguments(node["class_name"], node["config"])
    return node


def changed_activations(config: Any) -> list[str]:
    """The layers whose activation has another definition since Keras 3, by name.

    `hard_sigmoid` was clip(0.2 x + 0.5, 0, 1) in Keras 2 and is relu6(x + 3) / 6 now.
    """
    if isinstance(config, list):
        return [name for item in config for name in changed_activations(item)]
    if not isinstance(config, dict):
        return []
    names = [name for value in config.values() for name in changed_activations(value)]
    if "hard_sigmoid" in (config.get("activation"), config.get("recurrent_activation")):
        names.append(str(config.get("name")))
    return names


def _modern_arguments(class_name: str, arguments: dict) -> dict:
    """The constructor arguments of one object, without what Keras 3 dropped."""
    arguments = {_RENAMED_KEYS.get((class_name, key), key): value for key, value in arguments.items()}
    for key, usual, classes in _DROPPED:
        if class_name not in classes or key not in arguments:
            continue
        value = arguments.pop(key)
        if usual is not _ANY and value != usual:
            raise ModelFileError(
                f"The {class_name} {arguments.get('name')!r} was saved by Keras 2 with {key}={value}, an option that "
                f"Keras 3 does not have. Expected: {key}={usual}. Rebuild this layer and save the model again."
            )
    return {key: _modern_value(key, value) for key, value in arguments.items()}


def _modern_value(key: str, value: Any) -> Any:
    """One constructor argument in the words of Keras 3."""
    if isinstance(value, list):
        return value[0] if key == "axis" and len(value) == 1 else [_modern_value(key, item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "ndarray":  # a NumPy scalar
        return value["value"]
    if not isinstance(value.get("config"), dict) or "class_name" not in value:
        return value
    if key.endswith("_initializer"):
        return {**value, "config": _without(value["config"], "dtype")}
    if key == "dtype" and value["class_name"] in ("Policy", "PolicyV1"):
        return value["config"]["name"]
    if key in _WRAPPED and "module" not in value:
        return _located(value)
    return value


def _located(wrapped: dict) -> dict:
    """A layer inside a layer says where its class is; one in a model's list need not."""
    class_name = "Model" if wrapped["class_name"] == "Functional" else wrapped["class_name"]
    module = "keras" if class_name in ("Model", "Sequential") else "keras.layers"
    if not hasattr(keras.layers, class_name) and module == "keras.layers":
        return wrapped  # a user's class, found by its registered name
    config = _without(wrapped["config"], "batch_input_shape")
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _without(mapping: dict, key: str) -> dict:
    return {name: value for name, value in mapping.items() if name != key}
