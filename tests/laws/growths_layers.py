"""Growths by layers of feed-forward networks."""

import keras
import numpy as np

from tests.laws.growth import ACTIVATIONS, DIVISIBLE, GROWTHS, WIDTHS, growth, layer_of

layers = keras.layers
ops = keras.ops


@growth(2, 3, 4, 5)
def dense(pick, pool, tensor):
    return layers.Dense(pick(WIDTHS), activation=pick(ACTIVATIONS), use_bias=pick((True, False)))(tensor)


@growth(2, 3)
def einsum_dense(pick, pool, tensor):
    width = pick(WIDTHS)
    if len(tensor.shape) == 2:
        return layers.EinsumDense("ab,bc->ac", width, bias_axes=pick((None, "c")))(tensor)
    equation, shape, bias = pick(
        [
            ("abc,cd->abd", (tensor.shape[1], width), "d"),
            ("...x,xy->...y", width, "y"),
            ("abc,bd->adc", (width, tensor.shape[2]), "d"),
            ("abc,cd->adb", (width, tensor.shape[1]), None),
        ]
    )
    return layers.EinsumDense(equation, shape, bias_axes=bias)(tensor)


@growth(3)
def heads(pick, pool, tensor):
    count, size = pick((1, 2, 4)), pick((1, 2, 3))
    split = layers.EinsumDense("abc,cde->abde", (tensor.shape[1], count, size), bias_axes=pick((None, "de", "e", "d")))(
        tensor
    )
    if pick((True, False)):
        return layers.EinsumDense("abde,def->abf", (tensor.shape[1], pick(WIDTHS)), bias_axes="f")(split)
    return layers.Reshape((tensor.shape[1], count * size))(split)


@growth(3, 4, 5)
def convolution(pick, pool, tensor):
    options = {
        "padding": pick(("same", "valid")),
        "activation": pick(ACTIVATIONS[:-1]),
        "use_bias": pick((True, False)),
    }
    if pick((True, False)):
        options["dilation_rate"] = 2
        options["padding"] = "same"
    else:
        options["strides"] = pick((1, 2))
    kernel = pick((1, 2, 3))
    if min(tensor.shape[1:-1]) < 3:
        kernel = 1
    return layer_of("Conv", tensor)(pick(WIDTHS), kernel, **options)(tensor)


@growth(3, 4, 5)
def grouped_convolution(pick, pool, tensor):
    if len(tensor.shape) == 5:  # grouped 3-D convolutions have no CPU kernel
        return convolution(pick, pool, tensor)
    width = pick(DIVISIBLE)
    tensor = layer_of("Conv", tensor)(width, 1)(tensor)
    groups = pick((2, 4, width))
    return layer_of("Conv", tensor)(groups * pick((1, 2)), 1, groups=groups, activation=pick(ACTIVATIONS[:-1]))(tensor)


@growth(3, 4)
def depthwise_convolution(pick, pool, tensor):
    multiplier, bias = pick((1, 2)), pick((True, False))
    return layer_of("DepthwiseConv", tensor)(2, padding="same", depth_multiplier=multiplier, use_bias=bias)(tensor)


@growth(3, 4)
def separable_convolution(pick, pool, tensor):
    multiplier, activation = pick((1, 2)), pick(ACTIVATIONS[:-1])
    layer = layer_of("SeparableConv", tensor)
    return layer(pick(WIDTHS), 2, padding="same", depth_multiplier=multiplier, activation=activation)(tensor)


@growth(3, 4, 5)
def transposed_convolution(pick, pool, tensor):
    if max(tensor.shape[1:-1]) > 8:
        return dense(pick, pool, tensor)
    strides = pick((1, 2))
    return layer_of("Conv", tensor, "Transpose")(pick(WIDTHS), 2, strides=strides, padding="same")(tensor)


@growth(2, 3, 4, 5)
def normalization(pick, pool, tensor):
    kind = pick(("batch", "batch", "batch", "layer", "unit", "rms", "by hand"))
    if kind == "batch":
        return layers.BatchNormalization(center=pick((True, False)), scale=pick((True, False)))(tensor)
    if kind == "unit":
        return layers.UnitNormalization()(tensor)
    if kind == "by hand":
        return normalized_by_hand(pick, tensor)
    if kind == "rms":
        return layers.RMSNormalization(axis=pick((-1, tuple(range(1, len(tensor.shape))))))(tensor)
    several = (
        [(1, -1), (1, len(tensor.shape) - 1)] if len(tensor.shape) > 2 else []
    )  # Keras sorts the first into (-1, 1)
    other = [] if keras.backend.backend() == "torch" else [1, *several]  # torch normalizes the last axes only
    return layers.LayerNormalization(axis=pick((-1, -1, *other)))(tensor)


def normalized_by_hand(pick, tensor):
    axis = pick((-1, -1, 1, tuple(range(1, len(tensor.shape)))))
    mean = ops.mean(tensor, axis=axis, keepdims=True)
    squares = ops.mean(ops.square(tensor), axis=axis, keepdims=True)
    written = {
        "root mean square": lambda: tensor * ops.rsqrt(squares + 0.1),
        "mean and variance": lambda: (tensor - mean) * ops.rsqrt(ops.var(tensor, axis=axis, keepdims=True) + 0.1),
        "deviation": lambda: tensor / (ops.std(tensor, axis=axis, keepdims=True) + 0.3),
        "moments": lambda: tensor * ops.sigmoid(ops.moments(tensor, (-1,), keepdims=True)[1]),
        "operation": lambda: pick((ops.rms_normalization, ops.layer_normalization))(tensor, epsilon=0.1),
        "gate": lambda: tensor * ops.sigmoid(mean),
    }
    return written[pick(tuple(written))]()


@growth(2, 3, 4, 5)
def activation(pick, pool, tensor):
    shared = None if len(tensor.shape) == 2 else pick((None, [1]))
    return pick(
        [
            layers.ReLU(),
            layers.LeakyReLU(),
            layers.ELU(),
            layers.PReLU(shared_axes=shared),
            layers.Activation("tanh"),
            layers.Softmax(),
            layers.Dropout(0.5),
            layers.GaussianNoise(0.1),
            layers.Rescaling(0.5, 0.1),
            layers.Rescaling(list(np.linspace(0.5, 1.5, tensor.shape[-1])), 0.2),
            ops.gelu,
            ops.square,
        ]
    )(tensor)


@growth(3, 4, 5)
def pooling(pick, pool, tensor):
    kind = pick(("MaxPooling", "AveragePooling", "UpSampling", "ZeroPadding", "Cropping", "SpatialDropout"))
    smallest, largest = min(tensor.shape[1:-1]), max(tensor.shape[1:-1])
    if kind == "SpatialDropout":
        return layer_of(kind, tensor)(0.3)(tensor)
    if kind == "ZeroPadding" or (kind == "Cropping" and smallest >= 4):
        return layer_of(kind, tensor)(1)(tensor)
    if kind == "UpSampling" and largest <= 6:
        return layer_of(kind, tensor)(2)(tensor)
    return layer_of(pick(("MaxPooling", "AveragePooling")), tensor)(2, padding="same")(tensor)


@growth(3, 4, 5)
def global_pooling(pick, pool, tensor):
    kind, keepdims = pick(("GlobalAveragePooling", "GlobalMaxPooling")), pick((True, False))
    return layer_of(kind, tensor)(keepdims=keepdims)(tensor)


@growth(4)
def squeeze_and_excite(pick, pool, tensor):
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(tensor)
    squeezed = layers.Conv2D(pick(WIDTHS), 1, activation="relu")(squeezed)
    return layers.Multiply()([tensor, layers.Conv2D(tensor.shape[-1], 1, activation="sigmoid")(squeezed)])


@growth(4)
def spatial_attention(pick, pool, tensor):
    return layers.Multiply()([tensor, layers.Conv2D(1, 1, activation="sigmoid")(tensor)])


@growth(2, 3, 4, 5)
def residual(pick, pool, tensor):
    branch = layers.Dense(tensor.shape[-1], activation=pick(ACTIVATIONS[:-1]))(tensor)
    merge = pick((layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, None))
    if merge is None:
        return pick((ops.add, ops.multiply, ops.maximum))(tensor, branch)
    if merge is not layers.Subtract and pick((False, False, True)):
        return merge()([tensor, branch, layers.Dense(tensor.shape[-1])(tensor)])
    return merge()([tensor, branch])


@growth(2, 3, 4, 5)
def combine_equals(pick, pool, tensor):
    equals = [other for other in pool if other.shape == tensor.shape]
    return pick((layers.Add, layers.Multiply))()([tensor, pick(equals)])


@growth(2, 3, 4, 5)
def concatenate(pick, pool, tensor):
    rank = len(tensor.shape)
    axis = pick((-1, -1, 1))
    fits = [
        t
        for t in pool
        if len(t.shape) == rank and all(t.shape[a] == tensor.shape[a] for a in range(1, rank) if a != axis % rank)
    ]
    return layers.Concatenate(axis=axis)([tensor, pick(fits), *([pick(fits)] if pick((True, False)) else [])])


@growth(2, 3, 4, 5)
def constants(pick, pool, tensor):
    vector = np.linspace(-1, 1, tensor.shape[-1]).astype("float32")
    return pick([lambda t: t + vector, lambda t: t * vector[None], lambda t: 2.0 * t - 1.0, lambda t: 1.0 - t])(tensor)


@growth(3, 4, 5)
def flatten(pick, pool, tensor):
    return layers.Flatten()(tensor)


@growth(2)
def unflatten(pick, pool, tensor):
    width = tensor.shape[1]
    rows = pick([n for n in range(1, width + 1) if width % n == 0])
    if pick((True, False)):
        return layers.RepeatVector(3)(tensor)
    return pick([layers.Reshape((rows, width // rows)), layers.Reshape((-1, rows)), layers.Reshape((1, 1, width))])(
        tensor
    )


@growth(3, 4)
def move(pick, pool, tensor):
    shape = tensor.shape
    if len(shape) == 3:
        return pick(
            [
                layers.Permute((2, 1)),
                layers.Reshape((shape[2], shape[1])),
                layers.Reshape((shape[1], 1, shape[2])),
                lambda t: ops.transpose(t, (0, 2, 1)),
                lambda t: ops.expand_dims(t, 1),
                lambda t: ops.sum(t, axis=-1),
                lambda t: ops.mean(t, axis=1),
                lambda t: ops.max(t, axis=-1, keepdims=True),
            ]
        )(tensor)
    return pick(
        [
            layers.Permute((3, 1, 2)),
            layers.Reshape((shape[1] * shape[2], shape[3])),
            layers.Reshape((shape[1], shape[2] * shape[3])),
            lambda t: ops.reshape(t, (-1, shape[1] * shape[2], shape[3])),
            lambda t: ops.mean(t, axis=(1, 2)),
            lambda t: ops.sum(t, axis=(1, 3)),
        ]
    )(tensor)


@growth(3, 4)
def shuffle(pick, pool, tensor):
    """Channel shuffle: split, transpose, merge."""
    *spatial, channels = tensor.shape[1:]
    groups = pick([n for n in (1, 2, 3, 4) if channels % n == 0])
    split = layers.Reshape((*spatial, groups, channels // groups))(tensor)
    rank = len(spatial)
    order = (*range(1, rank + 1), rank + 2, rank + 1)
    return layers.Reshape((*spatial, channels))(layers.Permute(order)(split))


@growth(2, 3, 4, 5)
def shared(pick, pool, tensor):
    """One layer called twice, the second time on another tensor or on its own output."""
    layer = layers.Dense(tensor.shape[-1], activation=pick(ACTIVATIONS[:-1]))
    first = layer(tensor)
    fits = [other for other in pool if other.shape[-1] == tensor.shape[-1] and len(other.shape) == len(tensor.shape)]
    second = layer(pick([first, pick(fits)]))
    return layers.Add()([first, second]) if first.shape == second.shape else second


@growth(2, 3, 4)
def nested(pick, pool, tensor):
    """A model inside the model, called once or twice, Functional or Sequential."""
    width = tensor.shape[-1]
    inside = keras.Input(tensor.shape[1:])
    if pick((True, False)):
        model = keras.Sequential([inside, layers.Dense(pick(WIDTHS), activation="relu"), layers.Dense(width)])
    else:
        grown = pick(GROWTHS[len(tensor.shape)][:6])(pick, [inside], inside)
        model = keras.Model(inside, layers.Dense(width)(grown))
    result = model(tensor)
    return model(result) if result.shape == tensor.shape and pick((True, False)) else result


@growth(2)
def embedding(pick, pool, tensor):
    index = ops.cast(ops.clip(tensor * 3.0, 0, 4), "int32")
    return layers.Embedding(5, pick(WIDTHS))(index)
