"""Second derivatives that are propagated back."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import Quadratic, score
from kerasprune.criteria.second_order import DERIVATIVES, STEPS
from kerasprune.criteria.second_order.activations import softmax
from kerasprune.criteria.second_order.step import elementwise, find_step
from kerasprune.evidence import Evidence, Sampling
from kerasprune.evidence.losses import LOSSES
from kerasprune.graph import LINEAR_LAYERS, calls_of
from tests.laws.random_models import randomize
from tests.small_models import conv_model, images

pytestmark = pytest.mark.processor


def chain(activation, head=None, widths=(6, 5)):
    hidden = [layers.Dense(width, activation, name=f"hidden{n}") for n, width in enumerate(widths)]
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3, head, name="out")])
    randomize(model, np.random.default_rng(0))
    return model


def data(samples=12):
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, 4)).astype("float32"), rng.integers(0, 3, samples)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_derivatives_are_those_of_the_activation(name):
    x = np.random.default_rng(0).normal(size=200) * 3
    x = x[(np.abs(x) > 1e-2) & (np.abs(np.abs(x) - 1) > 1e-2) & (np.abs(np.abs(x) - 3) > 1e-2)]  # a corner has none
    value, slope, bend = DERIVATIVES[name](x)
    found = keras.activations.get(name)(keras.ops.convert_to_tensor(x, "float32"))
    np.testing.assert_allclose(value, keras.ops.convert_to_numpy(found), rtol=1e-4, atol=1e-5)
    (below, slope_below, _), (above, slope_above, _) = (DERIVATIVES[name](x + step) for step in (-1e-4, 1e-4))
    np.testing.assert_allclose(slope, (above - below) / 2e-4, atol=1e-6)
    np.testing.assert_allclose(bend, (slope_above - slope_below) / 2e-4, atol=1e-6)


# Layers that are linear, or bent lines, by the shape of an input; a list of shapes for several inputs.
LINEAR = {
    "Add": (layers.Add(), [(3,), (3,)]),
    "Average": (layers.Average(), [(2, 3), (2, 3), (2, 3)]),
    "AveragePooling1D": (layers.AveragePooling1D(3, 2, "same"), (5, 2)),
    "AveragePooling2D": (layers.AveragePooling2D(2), (4, 5, 2)),
    "AveragePooling3D": (layers.AveragePooling3D(2, 1), (2, 3, 2, 2)),
    "BatchNormalization": (layers.BatchNormalization(), (2, 3)),
    "Concatenate": (layers.Concatenate(), [(2, 3), (2, 1)]),
    "Conv1D": (layers.Conv1D(3, 3, padding="causal", dilation_rate=2), (6, 2)),
    "Conv1DTranspose": (layers.Conv1DTranspose(3, 4, 2, "same"), (3, 2)),
    "Conv2D": (layers.Conv2D(4, (3, 2), 2, "same", groups=2), (5, 4, 2)),
    "Conv2DTranspose": (layers.Conv2DTranspose(2, (2, 3), (3, 2), output_padding=1), (3, 2, 2)),
    "Conv3D": (layers.Conv3D(2, 2), (3, 2, 3, 2)),
    "Conv3DTranspose": (layers.Conv3DTranspose(2, 2), (2, 1, 2, 2)),
    "Cropping1D": (layers.Cropping1D(1), (4, 2)),
    "Cropping2D": (layers.Cropping2D(1), (3, 4, 2)),
    "Cropping3D": (layers.Cropping3D(1), (3, 3, 4, 1)),
    "Dense": (layers.Dense(3), (2, 4)),
    "DepthwiseConv1D": (layers.DepthwiseConv1D(3, depth_multiplier=2), (4, 2)),
    "DepthwiseConv2D": (layers.DepthwiseConv2D(3, 2, "same"), (5, 4, 3)),
    "EinsumDense": (layers.EinsumDense("abc,dbce->aed", (3, 2), bias_axes="d"), (2, 4)),
    "EinsumDense of blocks": (layers.EinsumDense("abc,bcd->abd", (2, 3), bias_axes="bd"), (2, 4)),
    "Flatten": (layers.Flatten(), (2, 3)),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D(), (3, 2)),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D(keepdims=True), (3, 2, 2)),
    "GlobalAveragePooling3D": (layers.GlobalAveragePooling3D(), (2, 2, 2, 2)),
    "GlobalMaxPooling1D": (layers.GlobalMaxPooling1D(), (3, 2)),
    "GlobalMaxPooling2D": (layers.GlobalMaxPooling2D(), (3, 2, 2)),
    "GlobalMaxPooling3D": (layers.GlobalMaxPooling3D(keepdims=True), (2, 2, 2, 2)),
    "LeakyReLU": (layers.LeakyReLU(0.3), (9,)),
    "MaxPooling1D": (layers.MaxPooling1D(3, 2, "same"), (5, 2)),
    "MaxPooling2D": (layers.MaxPooling2D(2), (4, 5, 2)),
    "MaxPooling3D": (layers.MaxPooling3D(2, 1), (2, 3, 2, 2)),
    "Multiply": (layers.Multiply(), [(2, 2, 3), (1, 1, 3)]),
    "Normalization": (layers.Normalization(mean=[1.0, 2.0], variance=[0.5, 3.0]), (3, 2)),
    "PReLU": (layers.PReLU(shared_axes=[1]), (3, 2)),
    "Permute": (layers.Permute((2, 1)), (3, 2)),
    "ReLU": (layers.ReLU(0.5, 0.2, 0.1), (9,)),
    "RepeatVector": (layers.RepeatVector(3), (4,)),
    "Rescaling": (layers.Rescaling(0.5, 2.0), (4,)),
    "Reshape": (layers.Reshape((3, 2)), (2, 3)),
    "SeparableConv1D": (layers.SeparableConv1D(3, 2), (4, 2)),
    "SeparableConv2D": (layers.SeparableConv2D(3, 2, padding="same"), (3, 4, 2)),
    "Subtract": (layers.Subtract(), [(3,), (3,)]),
    "UpSampling1D": (layers.UpSampling1D(2), (3, 2)),
    "UpSampling2D": (layers.UpSampling2D((2, 1)), (2, 3, 1)),
    "UpSampling3D": (layers.UpSampling3D(2), (1, 2, 1, 2)),
    "ZeroPadding1D": (layers.ZeroPadding1D(1), (3, 2)),
    "ZeroPadding2D": (layers.ZeroPadding2D(1), (2, 3, 2)),
    "ZeroPadding3D": (layers.ZeroPadding3D(1), (2, 2, 1, 1)),
}
UNCHANGED = (layers.Dropout, layers.Identity, layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout)
ELSEWHERE = {*UNCHANGED, layers.ActivityRegularization, layers.Activation, layers.ELU, layers.Softmax}
ELSEWHERE |= {layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D}


def test_every_linear_step_is_tried():
    known = {key for key in STEPS if isinstance(key, type) and issubclass(key, layers.Layer)} | set(LINEAR_LAYERS)
    assert {type(layer) for layer, _ in LINEAR.values()} | ELSEWHERE == known


@pytest.mark.parametrize("name", LINEAR)
def test_a_step_goes_back_by_the_matrix_of_its_layer_and_by_the_squares_of_its_entries(name):
    layer, shapes = LINEAR[name]
    several = isinstance(shapes, list)
    inputs = [keras.Input(shape) for shape in (shapes if several else [shapes])]
    model = keras.Model(inputs, type(layer).from_config(layer.get_config())(inputs if several else inputs[0]))
    rng = np.random.default_rng(0)
    randomize(model, rng)
    (call,) = calls_of(model)
    x = [rng.permutation(np.prod(i.shape[1:])).reshape(1, *i.shape[1:]) / 7 - 1.03 for i in inputs]
    y, back = find_step(call)(*x)
    first, second = rng.normal(size=(2, *y.shape))
    sizes = [value.size for value in x]
    moves = np.split(0.01 * np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    moved = [
        np.concatenate([value, value + move.reshape(-1, *value.shape[1:])])
        for value, move in zip(x, moves, strict=True)
    ]
    whole, *others = outputs(model, moved).reshape(sum(sizes) + 1, -1)
    np.testing.assert_allclose(y.ravel(), whole, atol=1e-5)
    matrix = (others - whole) / 0.01  # (entries of all inputs, entries of the output)
    found_first, found_second = (
        np.concatenate([part.ravel() for part in parts]) for parts in zip(*back(first, second), strict=True)
    )
    np.testing.assert_allclose(found_first, matrix @ first.ravel(), atol=2e-3)
    np.testing.assert_allclose(found_second, matrix**2 @ second.ravel(), atol=2e-3)


@pytest.mark.parametrize("name", ["AveragePooling2D", "Conv2DTranspose", "DepthwiseConv2D", "GlobalMaxPooling2D"])
def test_channels_may_come_first(name):
    """Seen from the step alone: TensorFlow runs no convolution so on a CPU."""
    layer, shape = LINEAR[name]
    config = {**layer.get_config(), "activation": "tanh"} if "Conv" in name else layer.get_config()
    first, last = (type(layer).from_config({**config, "data_format": f"channels_{end}"}) for end in ("first", "last"))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *shape))
    models = [
        keras.Model(i, layer(i))
        for i, layer in ((keras.Input((shape[-1], *shape[:-1])), first), (keras.Input(shape), last))
    ]
    randomize(models[1], rng)
    models[0].set_weights(models[1].get_weights())
    (y, back), (expected, expected_back) = (
        find_step(next(calls_of(model)))(value) for model, value in zip(models, (np.moveaxis(x, -1, 1), x), strict=True)
    )
    np.testing.assert_allclose(y, np.moveaxis(expected, -1, 1))
    derivatives = rng.normal(size=(2, *expected.shape))
    (found,), (wanted,) = back(*np.moveaxis(derivatives, -1, 2)), expected_back(*derivatives)
    np.testing.assert_allclose(found, np.moveaxis(wanted, -1, 2))


def outputs(model, x):
    tensors = [keras.ops.convert_to_tensor(value, "float32") for value in x]
    return keras.ops.convert_to_numpy(model(tensors if len(x) > 1 else tensors[0], training=False)).astype(float)


def test_a_softmax_goes_back_with_its_exact_derivatives():
    rng = np.random.default_rng(0)
    x, first, second = rng.normal(size=(3, 1, 4))
    p, back = softmax()(x)
    ((found_first, found_second),) = back(first, second)
    around = {step: np.array([softmax()(x + step * unit)[0][0] for unit in np.eye(4)]) for step in (-1e-4, 1e-4)}
    slope, bend = (around[1e-4] - around[-1e-4]) / 2e-4, (around[1e-4] - 2 * p + around[-1e-4]) / 1e-8
    np.testing.assert_allclose(found_first[0], slope @ first[0], atol=1e-6)
    np.testing.assert_allclose(found_second[0], slope**2 @ second[0] + bend @ first[0], atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "mean_absolute_error"])
def test_the_derivatives_are_those_of_the_loss(name, smoothing):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1, 4))
    labels = np.array([2]) if name.startswith("sparse") else np.eye(4)[[2]]
    options = {"from_logits": True, "label_smoothing": smoothing} if "crossentropy" in name else {}
    if name.startswith("sparse"):
        options["label_smoothing"] = 0.0
    first, second = LOSSES[name](options).derivatives(z, labels)
    kept = {key: value for key, value in options.items() if value}

    def loss(step):
        moved = (z + step * np.eye(4)).astype("float32")
        many = np.repeat(labels, 4, axis=0)
        return keras.ops.convert_to_numpy(getattr(keras.losses, name)(many, moved, **kept)).astype(float)

    np.testing.assert_allclose(first[0], (loss(0.05) - loss(-0.05)) / 0.1, atol=1e-3)
    np.testing.assert_allclose(second[0], (loss(0.05) - 2 * loss(0) + loss(-0.05)) / 0.0025, atol=3e-3)
    if "crossentropy" in name:  # the same from probabilities, taken back to the logits
        link = elementwise(DERIVATIVES["sigmoid"]) if "binary" in name else softmax()
        p, back = link(z)
        (found,) = back(*LOSSES[name]({**options, "from_logits": False}).derivatives(p, labels))
        np.testing.assert_allclose(found, (first, second), atol=1e-12)


@pytest.mark.parametrize("shape", [(4,), (5, 2), (5, 4, 2)])
def test_before_a_linear_head_it_is_the_exact_change(shape):
    """The squared error is a parabola in every unit there, at every place: the second order is all there is to it."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(3, 2, activation="gelu")(inputs) if len(shape) == 3 else inputs
    x = layers.BatchNormalization()(layers.Dense(6, "tanh", name="hidden")(x))
    model = keras.Model(inputs, layers.Dense(3)(x))
    rng = np.random.default_rng(0)
    randomize(model, rng)
    graph = kp.trace(model)
    data = (
        rng.normal(size=(12, *shape)).astype("float32"),
        rng.normal(size=(12, *model.output_shape[1:])).astype("float32"),
    )
    ids = next(group.ids for group in graph.groups if group.name == "hidden")
    found, exact = (score(model, graph, name, data, loss="mse")[ids] for name in ("quadratic", "oracle"))
    np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-6)


def test_a_convolution_is_the_dense_layer_of_all_its_positions():
    rng = np.random.default_rng(0)
    layer, stride = layers.Conv2D(3, 2, 2, "same", activation="tanh"), layers.Conv2D(2, 3, padding="same")
    model = keras.Sequential([keras.Input((5, 4, 2)), layer, stride, layers.Activation("silu"), layers.Flatten()])
    model.add(layers.Dense(3))
    randomize(model, rng)
    x, y = rng.normal(size=(6, 5, 4, 2)).astype("float32"), rng.normal(size=(6, 3)).astype("float32")
    found = score(model, kp.trace(model), "quadratic", (x, y), loss="mse")
    first, second = unrolled(layer, (5, 4, 2)), unrolled(stride, (3, 2, 3))
    head = model.layers[-1].get_weights()
    flat = keras.Sequential([keras.Input((40,)), layers.Dense(18, "tanh"), layers.Dense(12, "silu"), layers.Dense(3)])
    for dense, weights in zip(flat.layers, (first, second, head), strict=True):
        dense.set_weights(weights)
    np.testing.assert_allclose(outputs(flat, [x.reshape(6, -1)]), outputs(model, [x]), atol=1e-5)
    units = score(flat, kp.trace(flat), "quadratic", (x.reshape(6, -1), y), loss="mse")
    expected = [*units[1:19].reshape(-1, 3).sum(axis=0), *units[19:31].reshape(-1, 2).sum(axis=0)]
    np.testing.assert_allclose(found[1:6], expected, rtol=1e-4)


def unrolled(layer, shape):
    """Kernel and bias of the dense layer that computes the same, before the activation."""
    bare = type(layer).from_config({**layer.get_config(), "activation": None})
    model = keras.Sequential([keras.Input(shape), bare, layers.Flatten()])
    bare.set_weights(layer.get_weights())
    size = int(np.prod(shape))
    bias = outputs(model, [np.zeros((1, *shape))])[0]
    return [outputs(model, [np.eye(size).reshape(size, *shape)]) - bias, bias]


def test_the_first_order_is_exact_in_any_graph():
    """With bent lines alone, labels change the first order and not the second, and `linear` knows the first."""
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 1, activation="relu")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    y = layers.DepthwiseConv2D(3, padding="same", activation="leaky_relu")(x)
    x = layers.Concatenate()([layers.Add()([x, y]), layers.MaxPooling2D(3, 1, "same")(x)])
    gate = layers.Conv2D(8, 1, activation="relu6")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.AveragePooling2D(2)(keras.ops.relu(x * gate + 0.5))
    inner = keras.Sequential([keras.Input((3, 3, 8)), layers.SeparableConv2D(5, 2), layers.Dropout(0.5)], name="inner")
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inner(x))))
    rng = np.random.default_rng(0)
    randomize(model, rng)
    graph = kp.trace(model)
    x, y = np.tile(rng.normal(size=(5, 6, 6, 2)), (2, 1, 1, 1)), rng.normal(size=(10, 3))
    data = x.astype("float32"), y.astype("float32"), np.repeat([1.0, -1.0], 5)  # of the second order nothing is left
    free = ~graph.frozen
    found, expected = (score(model, graph, name, data, loss="mse")[free] for name in ("quadratic", "linear"))
    assert len(np.unique(found)) == 12
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_weights_of_samples_and_places_of_outputs_count():
    model = keras.Sequential([keras.Input((5, 2)), layers.Conv1D(4, 2, activation="tanh"), layers.Conv1D(3, 1)])
    randomize(model, np.random.default_rng(0))
    graph = kp.trace(model)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5, 2)).astype("float32"), rng.integers(0, 3, (4, 4))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weighted = score(model, graph, "quadratic", (x, y, np.array([0.0, 2, 0, 2])), loss=loss)
    alone = score(model, graph, "quadratic", (x[1::2], y[1::2]), loss=loss)
    np.testing.assert_allclose(weighted, alone, rtol=1e-6)
    flat = keras.Model(model.inputs, layers.Flatten()(layers.Softmax()(model.outputs[0])))
    with pytest.raises(DataError, match="softmax at the end"):
        score(flat, kp.trace(flat), "quadratic", (x, np.eye(12)[y[:, 0]]), loss="categorical_crossentropy")


@pytest.mark.parametrize("convolutional", [False, True])
def test_what_is_gone_counts_as_gone(convolutional):
    model, samples = (conv_model(), images()) if convolutional else (chain("tanh", "softmax"), data())
    graph = kp.trace(model)
    keep = graph.keep_all()
    for group in graph.free_groups:
        keep[group.ids[:3]] = False
    evidence = Evidence(model, graph, Sampling(samples, "sparse_categorical_crossentropy", 12))
    under_gain = Quadratic().under_gain(evidence)(keep.astype(float))
    small = kp.slim(model, graph, keep)
    alone = score(small, kp.trace(small), "quadratic", samples, loss="sparse_categorical_crossentropy")
    free = ~graph.frozen & keep
    np.testing.assert_allclose(under_gain[free], alone[np.isfinite(alone)], rtol=1e-6)


def with_layer(layer):
    return keras.Sequential([keras.Input((4,)), layers.Dense(5), layer, layers.Dense(3)])


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (lambda: with_layer(layers.LayerNormalization(name="norm")), "mse", "`norm` is a LayerNorm.*gauss_newton"),
        (lambda: with_layer(layers.Activation("squareplus", name="plus")), "mse", "`plus` has .*'squareplus'"),
        (lambda: chain("tanh"), "sparse_categorical_crossentropy", "needs a softmax at the end"),
        (lambda: chain("tanh"), "binary_crossentropy", "needs a sigmoid at the end"),
        (lambda: chain("tanh"), "poisson", "knows the curvature of .*mean_squared_error"),
    ],
)
def test_what_it_does_not_know_is_named(model, loss, message):
    model = model()
    x, y = data()
    y = np.eye(3)[y] if loss == "binary_crossentropy" else y
    with pytest.raises(DataError, match=message):
        score(model, kp.trace(model), "quadratic", (x, y), loss=loss)


def test_labels_are_needed():
    model = chain("tanh")
    with pytest.raises(DataError, match="needs labels"):
        score(model, kp.trace(model), "quadratic", data()[0], loss="mse")


def test_weights_that_are_not_finite_are_refused():
    model = chain("tanh")
    model.get_layer("out").set_weights([np.full((5, 3), np.nan), np.zeros(3)])
    x, classes = data()
    with pytest.raises(DataError, match="NaN"):
        score(model, kp.trace(model), "quadratic", (x, np.eye(3)[classes]), loss="mse")
