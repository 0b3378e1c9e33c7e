"""The residual networks of CIFAR-10 with 6 n + 2 layers and their trained weights, and the images that they know."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from benchmarks import datasets

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def residual_network(arrays, name: str) -> keras.Model:
    """The network with its trained weights; its shortcuts take every other pixel and pad the channels with zeros.

    Args:
        arrays: The weights by their names in the file of the network, as from `trained_weights`; None for new ones.
        name: "resnet20", "resnet56" or another one with 6 n + 2 layers.
    """
    blocks = (int(name.removeprefix("resnet")) - 2) // 6
    kernels: dict[str, str] = {}
    norms: dict[str, str] = {}

    def conv_norm(x, filters, name, norm, stride=1):
        x = layers.ZeroPadding2D(1, name=f"{name}.pad".replace(".", "_"))(x)
        layer = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name.replace(".", "_"))
        x = layer(x)
        kernels[layer.name] = f"{name}.weight"
        layer = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=norm.replace(".", "_"))
        norms[layer.name] = norm
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
    if arrays is None:
        return model
    for layer, key in kernels.items():
        model.get_layer(layer).set_weights([arrays[key].transpose(2, 3, 1, 0)])  # (height, width, in, out)
    for layer, norm in norms.items():
        keys = ("weight", "bias", "running_mean", "running_var")
        model.get_layer(layer).set_weights([arrays[f"{norm}.{key}"] for key in keys])
    classes.set_weights([arrays["linear.weight"].T, arrays["linear.bias"]])
    return model


def trained_weights(folder: Path, file: str) -> dict[str, np.ndarray]:
    """What the file of a network holds, by name."""
    return {key.removeprefix("module."): value for key, value in datasets.arrays(folder, file).items()}


def normalised(images: np.ndarray) -> np.ndarray:
    """From pixels in 0..255 to what the networks were trained on."""
    return ((images / 255 - MEAN) / DEVIATION).astype("float32")
