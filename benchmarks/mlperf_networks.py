"""The networks of MLPerf Tiny, by their descriptions, with random weights."""


def resnet8():
    """Three residual stacks of 16, 32 and 64 channels on images of 32 x 32."""
    import keras

    layers = keras.layers
    image = keras.Input((32, 32, 3))
    x = _normed(layers.Conv2D(16, 3, padding="same")(image))
    for stack, width in enumerate((16, 32, 64)):
        stride = 1 if stack == 0 else 2
        branch = _normed(layers.Conv2D(width, 3, strides=stride, padding="same")(x))
        branch = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(branch))
        shortcut = x if stack == 0 else layers.Conv2D(width, 1, strides=stride, padding="same")(x)
        x = layers.ReLU()(layers.Add()([shortcut, branch]))
    return keras.Model(
        image, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)), name="resnet8"
    )


def mobilenet_quarter():
    """MobileNetV1 with a quarter of the channels on images of 96 x 96, for two classes."""
    import keras

    layers = keras.layers
    image = keras.Input((96, 96, 3))
    x = _normed(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image))
    for width, stride in zip(
        (16, 32, 32, 64, 64, *[128] * 6, 256, 256), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True
    ):
        x = _normed(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x))
        x = _normed(layers.Conv2D(width, 1, use_bias=False)(x))
    return keras.Model(
        image, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x)), name="mobilenet_quarter"
    )


def keyword_spotter():
    """DS-CNN: separable convolutions of 64 channels on 49 frames of 10 coefficients, for twelve words."""
    import keras

    layers = keras.layers
    frames = keras.Input((49, 10, 1))
    x = _normed(layers.Conv2D(64, (10, 4), strides=2, padding="same")(frames))
    for _ in range(4):
        x = _normed(layers.DepthwiseConv2D(3, padding="same")(x))
        x = _normed(layers.Conv2D(64, 1)(x))
    return keras.Model(
        frames, layers.Dense(12, activation="softmax")(layers.GlobalAveragePooling2D()(x)), name="keyword_spotter"
    )


def _normed(x):
    import keras

    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
