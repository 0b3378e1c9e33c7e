"""The residual networks of CIFAR-10 with 6 n + 2 layers and their trained weights, and the images that they know."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def residual_network(arrays, name: str) -> keras.Model:
    """The network with its trained weights; its shortcuts take every other pixel and pad the channels with zeros.

    Args:
        arrays: The weights by their names in `cifar10_resnets/NAME.npz`, as from `trained_weights`.
        name: "resnet20", "resnet56" or another one with 6 n + 2 layers.
    """
    blocks = (int(name.removeprefix("resnet")) - 2) // 6
    weights: dict[str, list[np.ndarray]] = {}

    def conv_norm(x, filters, name, norm, stride=1):
        kernel = arrays[f"{name}.weight"].transpose(2, 3, 1, 0)  # (height, width, in, out)
        x = layers.ZeroPadding2D(1, name=f"{name}.pad".replace(".", "_"))(x)
        layer = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name.replace(".", "_"))
        x = layer(x)
        weights[layer.name] = [kernel]
        layer = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=norm.replace(".", "_"))
        weights[layer.name] = [arrays[f"{norm}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")]
        return layer(x)

    image = keras.Input((32, 32, 3), name="image")
    x = layers.ReLU()(conv_norm(image, 16, "conv1", "bn1"))
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(blocks):
            prefix, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = layers.ReLU()(conv_norm(x, filters, f"{prefix}.conv1", f"{prefix}.bn1", stride))
            y = conv_norm(y, filters, f"{prefix}.conv2", f"{prefix}.bn2")
            if stride == 2:
                sides = filters // 4
                x = keras.ops.pad(x[:, ::2, ::2], [[0, 0], [0, 0], [0, 0], [sides, sides]])
            x = layers.ReLU()(layers.Add()([x, y]))
    classes = layers.Dense(10, name="linear")
    model = keras.Model(image, classes(layers.GlobalAveragePooling2D()(x)), name=name)
    weights["linear"] = [arrays["linear.weight"].T, arrays["linear.bias"]]
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    return model


def trained_weights(folder: Path, name: str) -> dict[str, np.ndarray]:
    """What the file of a network holds, by name."""
    path = folder / "cifar10_resnets" / f"{name}.npz"
    return {key.removeprefix("module."): value for key, value in np.load(path, allow_pickle=False).items()}


def normalised(images: np.ndarray) -> np.ndarray:
    """From pixels in 0..255 to what the networks were trained on."""
    return ((images / 255 - MEAN) / DEVIATION).astype("float32")
