"""A pupil is the model itself to whoever trains it; its loss has the part of its teachers."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import OptionError
from kerasprune.strategies import STRATEGIES
from kerasprune.training import Pupil, lesson
from tests.small_models import conv_model, dense_model, images
from tests.training.test_soft_losses import softmax

LOSS = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def cut():
    """A model, what is kept of it, and the rest."""
    model = conv_model()
    model.compile("sgd", LOSS)
    graph = kp.trace(model)
    keep = kp.select(graph, kp.score(model, graph), kp.Budget(flops=0.5))
    return model, keep, kp.slim(model, graph, keep)


def features(samples=8, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, 4)).astype("float32")


def standing_still(model, loss, **options):
    model.compile(keras.optimizers.SGD(0.0), loss, **options)
    return model


def loss_of_a_step(model, x, y, **options) -> float:
    return float(np.ravel(model.train_on_batch(x, y, **options))[0])


def test_the_loss_is_a_weighted_sum_of_both():
    teacher, student = dense_model(6, 3, seed=1), dense_model(5, 3, seed=2)
    x, y = features(), np.arange(8) % 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pupil = standing_still(lesson(kp.Distill(temperature=3.0, weight=0.25), teacher).pupil(student), loss)
    p, q = (softmax(model.predict(x, verbose=0) / 3) for model in (teacher, student))
    hard = -np.log(softmax(student.predict(x, verbose=0)))[np.arange(8), y].mean()
    soft = 9 * (p * np.log(p / q)).sum(axis=-1).mean()
    assert loss_of_a_step(pupil, x, y) == pytest.approx(0.75 * hard + 0.25 * soft, rel=1e-4)
    assert pupil.evaluate(x, y, verbose=0) == pytest.approx(hard, rel=1e-4)


def test_several_teachers_teach_the_same_share():
    first, second, student = (dense_model(width, 3, seed=width) for width in (4, 5, 6))
    x, y = features(), features(seed=1)[:, :3]
    alone = [
        loss_of_a_step(standing_still(lesson(kp.Distill(weight=1.0), each).pupil(student), "mse"), x, y)
        for each in (first, second)
    ]
    both = standing_still(lesson(kp.Distill(weight=1.0, teachers=(second,)), first).pupil(student), "mse")
    assert loss_of_a_step(both, x, y) == pytest.approx(np.mean(alone), rel=1e-5)


def with_outputs(activations, seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,), name="features")
    hidden = layers.Dense(6, "relu")(inputs)
    return keras.Model(inputs, {name: layers.Dense(3, act, name=name)(hidden) for name, act in activations.items()})


@pytest.mark.parametrize("weights", [None, {"classes": 2.0, "chances": 0.5, "values": 1.0}])
def test_several_outputs_of_several_kinds(weights):
    kinds = {"classes": "softmax", "chances": "sigmoid", "values": None}
    losses = {"classes": "categorical_crossentropy", "chances": "binary_crossentropy", "values": "mse"}
    teacher, student = (with_outputs(kinds, seed) for seed in (0, 1))
    x = features()
    y = {"classes": np.eye(3)[np.arange(8) % 3], "chances": np.eye(3)[np.arange(8) % 3], "values": features()[:, :3]}

    def soft(names):
        chosen = {name: losses[name] for name in names}
        pupil = lesson(kp.Distill(weight=1.0), teacher).pupil(student)
        options = {} if weights is None else {"loss_weights": {name: weights[name] for name in kinds}}
        return loss_of_a_step(standing_still(pupil, {**dict.fromkeys(kinds), **chosen}, **options), x, y)

    assert soft(kinds) == pytest.approx(sum(soft([name]) for name in kinds), rel=1e-4)
    assert all(soft([name]) > 1e-4 for name in kinds)
    same = standing_still(lesson(kp.Distill(weight=1.0), student).pupil(student), losses)
    assert loss_of_a_step(same, x, y) < 1e-6


def test_features_are_compared_at_the_channels_that_are_left(cut):
    model, keep, small = cut
    pupil = lesson(kp.Distill(features="*"), model, traced=True).pupil(small, keep)
    x, _ = images(4)
    teacher, student = pupil.teachers[0], pupil._taught.taps.student
    wanted, found = (each([x], training=False)["features"] for each in (teacher, student))
    pairs = pupil._taught.taps.pairs[0]
    assert len(pairs) >= 3
    compared = [(keras.ops.convert_to_numpy(pick(t)), keras.ops.convert_to_numpy(found[at])) for (pick, at), t in
                zip(pairs, wanted, strict=True)]  # fmt: skip
    assert all(one.shape == other.shape for one, other in compared)
    np.testing.assert_allclose(*compared[0], atol=1e-5)  # what the second layer reads: nothing was cut before it
    assert compared[0][0].shape[-1] < 6
    assert any(np.abs(one - other).max() > 1e-2 for one, other in compared[1:])


def test_features_count_with_their_weight(cut):
    model, keep, small = cut
    x, y = images(8)

    def loss(**options):
        pupil = lesson(kp.Distill(weight=1.0, **options), model, traced=True).pupil(small, keep)
        for layer in small.layers:
            if isinstance(layer, layers.Dropout):
                layer.rate = 0.0
        return loss_of_a_step(standing_still(pupil, LOSS), x, y)

    plain, once, twice = loss(), loss(features="hidden"), loss(features="hidden", feature_weight=2.0)
    assert once > plain + 1e-3
    assert twice - plain == pytest.approx(2 * (once - plain), rel=1e-3)


def test_a_step_moves_the_statistics_of_batch_norms_once(cut):
    model, keep, small = cut
    x, y = images(8)
    moved = []
    for options in ({}, {"features": "*"}):
        copy = kp.finetune(small, (x, y), weight_decay=0.0, learning_rate=1e-9).model  # its norm has seen one batch
        norm = copy.get_layer("norm")
        pupil = lesson(kp.Distill(**options), model, traced=True).pupil(copy, keep)
        standing_still(pupil, LOSS).train_on_batch(x, y)
        moved.append(keras.ops.convert_to_numpy(norm.moving_mean))
    np.testing.assert_allclose(*moved, atol=1e-6)


def test_what_is_saved_is_the_plain_model(cut, tmp_path):
    model, keep, small = cut
    pupil = standing_still(lesson(kp.Distill(), model).pupil(small), LOSS)
    pupil.train_on_batch(*images(8))
    pupil.save(tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras")
    assert type(loaded).__module__.startswith("keras.") and len(loaded.weights) == len(small.weights)
    pupil.save_weights(tmp_path / "small.weights.h5")
    small.load_weights(tmp_path / "small.weights.h5")


def test_a_teacher_with_other_outputs_is_refused():
    with pytest.raises(OptionError, match=r"must have the outputs.*\(None, 3\).*\(None, 2\)"):
        lesson(kp.Distill(), dense_model(4, 3)).pupil(dense_model(4, 2))


def test_features_that_nothing_has_are_refused(cut):
    model, keep, small = cut
    with pytest.raises(OptionError, match="No layer that 'nothing' names"):
        lesson(kp.Distill(features="nothing"), model, traced=True).pupil(small, keep)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_trains_pupils_and_returns_plain_models(cut, strategy):
    model, _, _ = cut
    flags, before = [w.trainable for w in model.weights], model.get_weights()
    seen = []

    def train(network):
        seen.append((isinstance(network, Pupil), network.loss))
        network.compile("adam", LOSS)
        network.fit(*images(8), verbose=0)

    budget = kp.Budget(params=0.5)
    result = kp.compress(model, budget, "magnitude", strategy, images(), train=train, distill=True, recover=())
    assert seen and set(seen) == {(True, LOSS)}
    assert type(result.model).__module__.startswith("keras.") and isinstance(
        result.model.optimizer, keras.optimizers.Adam
    )
    assert len(result.model.weights) == len(model.weights)
    assert "Distill(temperature=4.0" in result.report.settings["distill"]
    assert [w.trainable for w in model.weights] == flags
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_teacher_without_training_is_refused(cut):
    with pytest.raises(OptionError, match="`distill`.*Pass train="):
        kp.compress(cut[0], kp.Budget(flops=0.5), distill=True)
    with pytest.raises(OptionError, match="`distill` must be True"):
        kp.compress(cut[0], kp.Budget(flops=0.5), train=lambda model: None, distill=4.0)


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"weight": 1.5}, {"feature_weight": -1}, {"teachers": ["model"]}]
)
def test_options_out_of_range(options):
    (name,) = options
    with pytest.raises(OptionError, match=f"`{name}` must be"):
        kp.Distill(**options)
