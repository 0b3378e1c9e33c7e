"""A small MobileNet for 28 x 28 images that any Keras builds alike, with weights that depend on a seed alone."""

import numpy as np

WIDTHS = ((32, 1), (64, 2), (64, 1), (128, 1))  # of the pointwise convolutions, with the strides before them
STEM = 16
PRUNED = ("pointwise", "classes")


def network(keras, width: float = 1.0):
    """Depthwise separable convolutions on 28 x 28 images, `width` times as wide as the large one."""
    layers = keras.layers

    def wide(channels: int) -> int:
        return max(round(width * channels), 1)

    def normalized(x, name: str):
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x))

    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(wide(STEM), 3, strides=2, padding="same", use_bias=False, name="stem")(inputs)
    x = normalized(x, "stem")
    for number, (channels, stride) in enumerate(WIDTHS):
        name = f"depthwise{number}"
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=name)(x)
        x = layers.Conv2D(wide(channels), 1, use_bias=False, name=f"pointwise{number}")(normalized(x, name))
        x = normalized(x, f"pointwise{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(10, name="classes")(x))


def started(keras, seed: int, width: float = 1.0):
    """The network with weights that depend on the seed alone, not on the library."""
    model, rng = network(keras, width), np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights and weights[0].ndim > 1:
            shape = weights[0].shape
            inputs = np.prod(shape[:2]) if layer.name.startswith("depthwise") else np.prod(shape[:-1])
            drawn = rng.normal(size=shape) * np.sqrt(2 / inputs)
            layer.set_weights([drawn.astype("float32"), *weights[1:]])
    return model


def is_pruned(name: str) -> bool:
    """Whether weights of this layer go."""
    return name.startswith(PRUNED) and not name.endswith(("_norm", "_relu"))


def left(sparsity: float) -> dict[str, int]:
    """How many weights of each pruned layer are left, to one."""
    channels = [STEM, *(width for width, _ in WIDTHS)]
    sizes = {f"pointwise{place}": channels[place] * channels[place + 1] for place in range(len(WIDTHS))}
    return {name: round((1 - sparsity) * size) for name, size in {**sizes, "classes": 10 * channels[-1]}.items()}
