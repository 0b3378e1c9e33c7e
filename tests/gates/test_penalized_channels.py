"""Penalties on channels: what the formulas say, on all that belongs to a channel, and a plain model afterwards."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import OptionError
from kerasprune.gates.penalized_channels import PENALTIES, penalized
from kerasprune.graph import Opened
from tests.backends import numbers
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

FACTOR = 0.25


def groups_of(opened: Opened) -> list[np.ndarray]:
    return [group.ids for group in opened.graph.free_groups]


def under(kind: str, model: keras.Model | None = None, **options) -> keras.Model:
    opened = Opened.of(dense_model(5, 4, 3) if model is None else model)
    return penalized(opened, groups_of(opened), kind, FACTOR, **options)


def losses(model: keras.Model, x, training: bool) -> list[float]:
    model(x, training=training)
    return [float(numbers(loss)) for loss in model.losses]


def squares(model: keras.Model) -> list[np.ndarray]:
    """Of the two hidden layers of the dense model: the square sum of what makes a neuron and what reads it."""
    k1, b1, k2, b2, k3, _ = (np.square(weight) for weight in model.get_weights()[:6])
    return [k1.sum(0) + b1 + k2.sum(1), k2.sum(0) + b2 + k3.sum(1)]


def weighed(kind: str, found: list[np.ndarray]) -> float:
    sizes = (4 + 1 + 4, 5 + 1 + 3)
    if kind == "lasso":
        return sum(np.sqrt(size) * np.sqrt(each).sum() for size, each in zip(sizes, found, strict=True))
    if kind == "growing":
        return 0.5 * sum(each.sum() for each in found)
    total = 0.0
    for norms in map(np.sqrt, found):
        total += 0.5 * np.sum(2 ** (4 * (norms.max() - norms) / (norms.max() - norms.min())) * norms**2)
    return total


@pytest.mark.parametrize("kind", PENALTIES)
def test_the_loss_grows_by_what_belongs_to_channels(kind):
    plain = dense_model(5, 4, 3)
    model, x = under(kind, plain), np.ones((2, 4), "float32")
    np.testing.assert_allclose(losses(model, x, True), [FACTOR * weighed(kind, squares(plain))], rtol=1e-5)
    assert losses(model, x, False) == []
    np.testing.assert_allclose(numbers(model(x)), numbers(plain(x)), rtol=1e-6)


def test_a_growing_penalty_grows_through_training_and_then_stays():
    model, x = under("growing"), np.ones((8, 4), "float32")
    layer = next(layer for layer in model.layers if layer.name == "penalized_channels")
    model.compile("sgd", "mse")
    history = model.fit(x, np.ones((8, 3)), batch_size=1, verbose=0).history
    assert history["penalized_weights"][0] > 0
    assert (float(numbers(layer.step)), float(numbers(layer.total))) == (8, 8)
    whole = losses(model, x, True)[0]
    for step, share in enumerate((0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1)):
        layer.step.assign(step)
        np.testing.assert_allclose(losses(model, x, True), [share * whole], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_afterwards_the_plain_model_is_left_with_the_weights_that_it_has_got(layout):
    image = keras.Input((8, 8, 2) if layout == "channels_last" else (2, 8, 8))
    x = keras.layers.Conv2D(4, 3, data_format=layout, activation="relu")(image)
    x = keras.layers.BatchNormalization(axis=-1 if layout == "channels_last" else 1)(x)
    x = keras.layers.Conv2D(3, 3, data_format=layout)(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D(data_format=layout)(x))
    opened = Opened.of(model)
    pressed = penalized(opened, groups_of(opened), "lasso", 1.0)
    pressed.compile("sgd", "mse")
    inputs = np.random.default_rng(0).normal(size=(8, *image.shape[1:]))
    pressed.fit(inputs, np.zeros((8, 3)), verbose=0)
    plain = kp.slim(pressed)
    assert plain.count_params() == model.count_params()
    np.testing.assert_allclose(numbers(plain.predict(inputs, verbose=0)), pressed.predict(inputs, verbose=0), atol=1e-5)
    assert not np.allclose(pressed.predict(inputs, verbose=0), opened.runs.flat.predict(inputs, verbose=0), atol=1e-3)


def norm(model: keras.Model, keep: np.ndarray) -> float:
    """Of the first kernel, of which the filters that go are looked at."""
    graph = kp.trace(model)
    ids = next(weight.axes[-1] for weight in graph.weights if len(weight.shape) == 4)
    return float(np.linalg.norm(model.layers[1].get_weights()[0][..., ~keep[ids]]))


@pytest.mark.parametrize("strategy", [kp.strategies.GroupLasso(1.0), kp.strategies.GrowingRegularization()])
def test_channels_are_pressed_before_they_are_cut(strategy):
    seen = []

    def train(model):
        model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
        model.fit(*images(32), epochs=15, verbose=0)
        seen.append(kp.slim(model))

    model = conv_model()
    result = kp.compress(model, kp.Budget(flops=0.5), "magnitude", strategy, train=train)
    pressed, small = seen
    assert pressed.count_params() == model.count_params() > small.count_params() == result.model.count_params()
    assert 0 < norm(pressed, result.keep) < 0.3 * norm(model, result.keep)
    goal = result.record.goal
    assert "GroupLasso" in str(strategy) if goal is None else goal.tolist() == result.keep.tolist()


def test_without_training_there_is_nothing_to_press_with():
    with pytest.raises(OptionError, match="Pass `train`"):
        kp.compress(conv_model(), kp.Budget(flops=0.5), strategy="group_lasso")


@pytest.mark.parametrize(
    "make",
    [
        lambda: kp.strategies.GroupLasso(factor=-1),
        lambda: kp.strategies.GroupLasso(penalty="ridge"),
        lambda: kp.strategies.GrowingRegularization(explore=-1),
    ],
)
def test_options_out_of_range(make):
    with pytest.raises(OptionError, match="Received|named 'ridge'"):
        make()


@pytest.mark.parametrize("taught", [False, True])
def test_every_training_tells_the_penalty_how_long_it_lasts(taught):
    plain = dense_model(5, 4, 3)
    x, y = np.ones((8, 4), "float32"), np.ones((8, 3), "float32")
    found = kp.finetune(
        under("growing", plain), (x, y), 2, teacher=plain if taught else None, loss="mse", batch_size=2
    ).model
    layer = next(layer for layer in found.layers if layer.name == "penalized_channels")
    assert (float(numbers(layer.step)), float(numbers(layer.total))) == (8, 8)
