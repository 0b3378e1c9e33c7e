"""Makes `.h5` files as Keras 2 wrote them, out of Keras 3 models."""

import json
from pathlib import Path

import h5py
import keras

from kerasprune.files import save_model

_KERAS_3_KEYS = ("build_config", "module", "optional", "quantization_config", "registered_name")


def write_keras2_h5(model: keras.Model, path: Path, extra: dict[str, dict]) -> Path:
    """Save `model` as Keras 2.4 would have.

    Args:
        model: What to save.
        path: Ends in `.h5`.
        extra: Class name to the constructor arguments that Keras 2 wrote besides those of Keras 3.
    """
    save_model(model, path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(_old(config, extra))
        file.attrs["keras_version"] = "2.4.0"
    return path


def _old(node, extra):
    if isinstance(node, list):
        return [_old(item, extra) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("class_name") == "DTypePolicy":
        name = node["config"]["name"]
        return name if name == "float32" else {"class_name": "Policy", "config": {"name": name}}
    node = {key: _old(value, extra) for key, value in node.items() if key not in _KERAS_3_KEYS}
    if node.get("class_name") == "InputLayer":
        node["config"]["batch_input_shape"] = node["config"].pop("batch_shape")
    if node.get("class_name") in extra:
        node["config"].update(extra[node["class_name"]])
    return node
