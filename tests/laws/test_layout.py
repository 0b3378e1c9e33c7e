"""Laws of `channels_last`: the same function and weights, no layer with channels first, no transpose too many."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.graph import Runnable, can_run, functional
from kerasprune.graph.channels_last import twin_of
from kerasprune.graph.follow import is_channels_first
from tests.backends import not_on_torch
from tests.laws.random_models import randomize

pytestmark = pytest.mark.processor

FIRST = {"data_format": "channels_first"}
TOLERANCE = 1e-5
# The arguments of the layers that need some.
ARGUMENTS = {
    "AdaptiveAveragePooling": (2,),
    "AdaptiveMaxPooling": (2,),
    "AveragePooling": (2,),
    "CenterCrop": (4, 5),
    "Conv": (5, 3),
    "DepthwiseConv": (3,),
    "RandomBrightness": (0.2,),
    "RandomColorDegeneration": (0.2,),
    "RandomContrast": (0.2,),
    "RandomCrop": (4, 5),
    "RandomHue": (0.2,),
    "RandomPosterization": (4,),
    "RandomRotation": (0.1,),
    "RandomSaturation": (0.2,),
    "RandomSharpness": (0.2,),
    "RandomTranslation": (0.1, 0.1),
    "RandomZoom": (0.1,),
    "Resizing": (5, 4),
    "SeparableConv": (5, 3),
    "SpatialDropout": (0.5,),
}
# They take labels or boxes, mix the samples of a batch, or cannot be called on a `keras.Input`: no part of a network.
NO_NETWORKS = {
    "AugMix",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "RandAugment",
    "RandomElasticTransform",
}


# With channels first they do something else than with channels last, so they stay as they are.
OTHERWISE = (layers.AutoContrast,)


def _with_data_format() -> list[str]:
    """Every layer of Keras whose constructor, or that of one of its bases, takes a data format."""
    found = {}
    for _, value in sorted(vars(layers).items()):
        if not inspect.isclass(value) or not issubclass(value, keras.Layer):
            continue
        makers = [vars(base)["__init__"] for base in value.__mro__ if "__init__" in vars(base)]
        if any("data_format" in inspect.signature(maker).parameters for maker in makers):
            found.setdefault(value, value.__name__)
    return [name for cls, name in found.items() if not inspect.isabstract(cls) and name not in NO_NETWORKS]


def _made(name: str) -> tuple[keras.Layer, tuple[int, ...]]:
    """A layer with its channels first, and the shape of a sample for it."""
    stem = name.rstrip("123D").removesuffix("Transpose")
    stem = stem.rstrip("123D")
    rank = next((int(digit) for digit in name if digit.isdigit()), 2)
    shape = (4, 9, 11, 13)[: rank + 1]  # on TensorFlow a bias as long as the last axis is added along that
    if name.startswith("ConvLSTM"):
        return getattr(layers, name)(5, 3, **FIRST), (2, *shape)
    if name == "STFTSpectrogram":
        return layers.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8, **FIRST), (2, 32)
    if name.startswith("Random") or name in ("AutoContrast", "Equalization", "Solarization"):
        shape = (3, 6, 7)
    return getattr(layers, name)(*ARGUMENTS.get(stem, ()), **FIRST), shape


@pytest.mark.parametrize("name", _with_data_format())
def test_every_layer_with_a_data_format(name):
    layer, shape = _made(name)
    x = keras.Input(shape)
    assert_twin_is_right(keras.Model(x, layer(x)))


def _image(*shape):
    return keras.Input(shape or (4, 6, 7))


def _conv(h, filters=5, **options):
    return layers.Conv2D(filters, 3, padding="same", **FIRST, **options)(h)


def _behind(*stack):
    """A network in which these layers follow a convolution."""

    def make():
        x = h = _image()
        h = _conv(h)
        for layer in stack:
            h = layer(h)
        return keras.Model(x, h)

    return make


def _two_inputs():
    x, y = keras.Input((4, 6, 7), name="left"), keras.Input((3,), name="right")
    scale = layers.Reshape((5, 1, 1))(layers.Dense(5, activation="sigmoid")(y))
    h = layers.Multiply()([_conv(x), scale])
    both = {"image": h, "vector": layers.Dense(2)(layers.Flatten()(h))}
    return keras.Model({"left": x, "right": y}, both)


def _residual():
    x = _image()
    a = _conv(x)
    b = layers.ReLU()(layers.BatchNormalization(axis=1)(_conv(a)))
    return keras.Model(x, layers.Concatenate(axis=1)([layers.Add()([a, b]), layers.AveragePooling2D(1, **FIRST)(x)]))


def _nested():
    inner = keras.Sequential([keras.Input((5, 6, 7)), layers.Conv2D(5, 3, padding="same", **FIRST), layers.ReLU()])
    x = _image()
    return keras.Model(x, inner(inner(_conv(x))))


def _shared():
    x = _image(4, 6, 6)
    conv, norm = layers.Conv2D(4, 3, padding="same", **FIRST), layers.BatchNormalization(axis=1)
    return keras.Model(x, layers.Subtract()([norm(conv(x)), norm(conv(conv(x)))]))


def _norm_called_on_both():
    x = _image()
    norm = layers.BatchNormalization(axis=1)
    y = keras.Input((5, 6, 7))
    return keras.Model([x, y], [norm(y), norm(_conv(x))])


def _sequential():
    return keras.Sequential(
        [keras.Input((4, 6, 7)), layers.Conv2D(3, 3, **FIRST), layers.Flatten(**FIRST), layers.Dense(2)]
    )


def _attention():
    x = _image()
    tokens = layers.Permute((2, 1))(layers.Reshape((5, 42))(_conv(x)))
    return keras.Model(x, layers.MultiHeadAttention(2, 3)(tokens, tokens))


def _recurrent():
    x = keras.Input((3, 9))
    h = layers.Conv1D(4, 3, **FIRST)(x)
    return keras.Model(x, layers.GRU(3)(h))


def _states():
    x, h, c = keras.Input((2, 3, 6, 7)), keras.Input((4, 6, 7)), keras.Input((4, 6, 7))
    lstm = layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True, return_state=True, **FIRST)
    return keras.Model([x, h, c], lstm(x, initial_state=[h, c]))


def _operations():
    x = _image()
    h = keras.ops.relu(_conv(x)) + 1.0
    h = keras.ops.concatenate([h, keras.ops.max_pool(h, 1, strides=1, data_format="channels_first")], axis=1)
    mean = keras.ops.mean(h, axis=(2, 3), keepdims=True)
    return keras.Model(x, [h - mean, keras.ops.mean(h, axis=(2, 3)), keras.ops.transpose(h, (0, 3, 1, 2))])


def _constant():
    x = _image()
    return keras.Model(x, _conv(_conv(x) * np.arange(1.0, 6.0).astype("float32")[:, None, None]))


def _half():
    half = keras.DTypePolicy("mixed_float16")
    x = _image()
    return keras.Model(x, layers.BatchNormalization(axis=1, dtype=half)(_conv(x, dtype=half)))


MODELS = {
    "a batch norm": _behind(layers.BatchNormalization(axis=1)),
    "a batch norm over the width": _behind(layers.BatchNormalization(axis=3)),
    "a group norm": _behind(layers.GroupNormalization(5, axis=1)),
    "a layer norm": _behind(layers.LayerNormalization(axis=1)),
    "a layer norm over an image": _behind(layers.LayerNormalization(axis=[1, 2, 3])),
    "a unit norm": _behind(layers.UnitNormalization(axis=1)),
    "a unit norm over places": _behind(layers.UnitNormalization(axis=[2, 3])),
    "a softmax": _behind(layers.Softmax(axis=1)),
    "a softmax of the last axis": _behind(layers.Activation("softmax")),
    "slopes": _behind(layers.PReLU()),
    "shared slopes": _behind(layers.PReLU(shared_axes=[2, 3])),
    "noise of a shape": _behind(layers.Dropout(0.5, noise_shape=(None, 5, 1, 1))),
    "dense on the width": _behind(layers.Dense(3)),
    "flatten": _behind(layers.Flatten(**FIRST)),
    "flatten as it lies": _behind(layers.Flatten()),
    "reshape": _behind(layers.Reshape((30, 7))),
    "permute": _behind(layers.Permute((2, 3, 1))),
    "pooling that keeps its axes": _behind(layers.GlobalMaxPooling2D(keepdims=True, **FIRST)),
    "spectral norm": _behind(layers.SpectralNormalization(layers.Conv2D(3, 2, **FIRST))),
    "a layer in every step": lambda: _in_every_step(),
    "two inputs, two outputs": _two_inputs,
    "a residual": _residual,
    "nested, called twice": _nested,
    "shared": _shared,
    "a norm with two layouts": _norm_called_on_both,
    "sequential": _sequential,
    "attention": _attention,
    "recurrent": _recurrent,
    "states": _states,
    "operations": _operations,
    "a constant": _constant,
    "half precision": _half,
}


def _in_every_step():
    x = keras.Input((2, 4, 6, 7))
    h = layers.TimeDistributed(layers.Conv2D(9, 3, **FIRST))(x)
    h = layers.ReLU()(layers.TimeDistributed(layers.BatchNormalization(axis=1))(h))
    return keras.Model(x, layers.TimeDistributed(layers.Flatten(**FIRST))(h))


FAILING = {"a layer norm": "Keras normalizes the last axes only on torch"}


@pytest.mark.parametrize("name", not_on_torch(MODELS, FAILING))
def test_channels_last_is_the_same_function(name):
    assert_twin_is_right(MODELS[name]())


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_of_the_twin_has_the_ids_of_the_model(name):
    model = MODELS[name]()
    twin = twin_of(model)
    graph = kp.trace(model)
    moved, own = _moved_graph(model, graph), kp.trace(twin.model)
    assert [call.key for call in moved.calls] == [call.key for call in own.calls]
    assert [(weight.layer, weight.index, weight.shape) for weight in moved.weights] == [
        (weight.layer, weight.index, weight.shape) for weight in sorted_like(own.weights, moved.weights)
    ]
    for first, second in zip(moved.calls, own.calls, strict=True):
        assert first.reads == second.reads
        for one, other in zip((*first.inputs, *first.outputs), (*second.inputs, *second.outputs), strict=True):
            assert [vector is None for vector in one] == [vector is None for vector in other]
            assert [len(vector) for vector in one if vector is not None] == [
                len(vector) for vector in other if vector is not None
            ]


def sorted_like(weights, like):
    """The labelled weights in another order."""
    found = {(weight.layer, weight.index): weight for weight in weights}
    return [found[weight.layer, weight.index] for weight in like]


def _moved_graph(model, graph):
    return Runnable(model, twin_of(model)).graph(graph)


def assert_twin_is_right(model: keras.Model) -> None:
    """The twins with and without borders compute what the model computes, and have no more transposes than needed."""
    rng = np.random.default_rng(0)
    randomize(model, rng)
    inputs = [_sample(rng, tensor) for tensor in model.inputs]
    plain, moved = twin_of(model), twin_of(model, borders=True)
    assert set(plain.left) <= {layer.name for layer in model.layers if type(layer) in OTHERWISE}
    assert {layer.name for layer in plain.model.layers if is_channels_first(layer)} == set(plain.left)
    expected = _outputs(model, inputs) if can_run(model) else _outputs(plain.model, inputs)
    tolerance = 1e-2 if any(layer.compute_dtype == "float16" for layer in model.layers) else TOLERANCE
    for twin in (plain, moved):
        given = [np.moveaxis(x, layout, -1) if layout else x for x, layout in zip(inputs, twin.inputs, strict=True)]
        found = _outputs(twin.model, given)
        found = [np.moveaxis(y, -1, at) if at else y for y, at in zip(found, twin.outputs, strict=True)]
        for one, other in zip(expected, found, strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(one).max(), 1e-3))
    names = functional(model).output_names
    if len(set(names)) == len(names):  # a layer that makes several outputs has one name
        assert plain.model.output_names == names
    assert [tensor.name for tensor in plain.model.inputs] == [tensor.name for tensor in model.inputs]
    for layer in plain.model.layers:
        if isinstance(layer, layers.Permute) and isinstance(_maker(layer), layers.Permute):
            assert layer.dims != tuple(np.argsort((0, *_maker(layer).dims))[1:])


def _maker(layer):
    return layer.input._keras_history.operation


def _sample(rng, tensor):
    values = rng.standard_normal((3, *tensor.shape[1:]))
    return values.astype(tensor.dtype)


def _outputs(model, inputs) -> list[np.ndarray]:
    packed = keras.tree.pack_sequence_as(functional(model).input, inputs)
    return [keras.ops.convert_to_numpy(y) for y in keras.tree.flatten(model(packed, training=False))]
