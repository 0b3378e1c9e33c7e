"""What a person decides from: loss and metrics before and after, whatever the model is for."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.evidence import Sampling
from kerasprune.evidence.quality import find_metric, more_is_better
from kerasprune.report import Measured
from kerasprune.strategies import Serial

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(24, 6)).astype("float32")
IMAGES = RNG.normal(size=(8, 4, 4, 2)).astype("float32")


def dense(units, activation):
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(units, activation, name="out")])


def images(units, activation):
    hidden = layers.Conv2D(6, 3, padding="same", activation="relu")
    return keras.Sequential(
        [keras.Input((4, 4, 2)), hidden, layers.Conv2D(units, 1, activation=activation, name="out")]
    )


# By the kind of a model: its data, and the metrics that a person decides from.
KINDS = {
    "binary": (dense(1, "sigmoid"), NUMBERS, NUMBERS[:, 0] > 0, ["accuracy", "auc", "loss"]),
    "logits": (dense(1, None), NUMBERS, (NUMBERS[:, 0] > 0).astype(int), ["accuracy", "auc", "loss"]),
    "regression": (dense(1, None), NUMBERS, NUMBERS[:, 0] * 3, ["loss", "mean_absolute_error"]),
    "multi-label": (dense(3, "sigmoid"), NUMBERS, (NUMBERS[:, :3] > 0) * 1.0, ["accuracy", "auc", "loss"]),
    "classes": (dense(3, "softmax"), NUMBERS, RNG.integers(0, 3, 24), ["accuracy", "loss"]),
    "rows": (dense(3, "softmax"), NUMBERS, np.eye(3)[RNG.integers(0, 3, 24)], ["accuracy", "loss"]),
    "segmentation": (images(3, "softmax"), IMAGES, RNG.integers(0, 3, (8, 4, 4)), ["accuracy", "loss", "mean_iou"]),
    "masks": (images(1, "sigmoid"), IMAGES, RNG.integers(0, 2, (8, 4, 4, 1)), ["accuracy", "iou", "loss"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_loss_and_metrics_is_measured_by_what_its_outputs_and_labels_say(kind):
    model, x, y, names = KINDS[kind]
    with pytest.warns(UserWarning, match="not compiled with a loss") as said:
        report = kp.compress(model, kp.Budget(flops=0.6), data=(x, y)).report
    assert len([each for each in said if "not compiled" in str(each.message)]) == 1
    assert sorted(measured.name for measured in report.quality) == names
    assert all(np.isfinite([measured.before, measured.after]).all() for measured in report.quality)
    words = str(report)
    assert f"on {len(x)} samples: " in words and "not compiled with a loss" in words


def test_the_metrics_of_the_model_are_those_of_evaluate():
    model = dense(1, None)
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.RootMeanSquaredError(name="root")])
    y = NUMBERS[:, 0]
    result = kp.compress(model, kp.Budget(flops=0.6), data=(NUMBERS, y), batch_size=7)
    for measured in result.report.quality:
        for found, network in ((measured.before, model), (measured.after, result.model)):
            expected = network.evaluate(NUMBERS, y, verbose=0, return_dict=True)[measured.name]
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_labels_that_cannot_be_measured_are_noted_and_stop_nothing():
    data = (NUMBERS, np.ones((24, 5)))
    report = kp.compress(dense(3, "softmax"), kp.Budget(flops=0.6), "magnitude", data=data).report
    assert not report.quality
    assert any("not measured before and after" in note for note in report.notes)


def test_labels_that_are_words_are_refused_before_any_work():
    with pytest.raises(kp.DataError, match="Number the classes"):
        kp.compress(dense(3, "softmax"), kp.Budget(flops=0.6), data=(NUMBERS, ["cat", "dog"] * 12))


def test_a_loss_that_is_inferred_is_said_where_it_is_used():
    model = dense(3, "softmax")
    with pytest.warns(match="say 'sparse_categorical_crossentropy' for 'out'"):
        result = kp.compress(model, kp.Budget(flops=0.6), "taylor", data=(NUMBERS, KINDS["classes"][2]))
    assert "'sparse_categorical_crossentropy' for 'out'" in str(result.report)


def test_a_result_that_is_much_worse_comes_with_advice():
    model = dense(3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy")
    y = model.predict(NUMBERS, verbose=0).argmax(axis=1)
    reports = [
        kp.compress(model, kp.Budget(channels=share), "random", data=(NUMBERS, y), recover=()).report
        for share in (1.0, 0.4)
    ]
    advised = ["Train it" in str(report) for report in reports]
    assert advised == [False, True] and reports[1].quality[0].after < 0.9


@pytest.mark.parametrize(
    ("name", "before", "after", "much"),
    [("auc", 0.9, 0.8, True), ("auc", 0.9, 0.82, False), ("loss", 1.0, 1.6, True), ("loss", 1.0, 1.4, False)],
)
def test_much_worse_is_a_tenth_of_a_metric_or_half_of_a_loss(name, before, after, much):
    assert Measured(name, before, after, more_is_better(name)).is_much_worse == much


@pytest.mark.parametrize(
    ("before", "after", "word"), [(0.5, 0.4, "worse"), (0.5, 0.6, "better"), (0.5, 0.5, "the same")]
)
def test_a_measurement_says_whether_it_is_good(before, after, word):
    assert word in str(Measured("auc", before, after, more_is_better("auc")))
    swapped = {"worse": "better", "better": "worse"}.get(word, word)
    assert swapped in str(Measured("loss", before, after, more_is_better("loss")))


@pytest.mark.parametrize("metric", [None, "mean_absolute_error", keras.metrics.MeanSquaredError(name="squares")])
def test_serial_watches_a_metric_of_which_less_is_better(metric):
    model = dense(1, None)
    model.compile("sgd", "mse")
    y = model.predict(NUMBERS, verbose=0)  # nothing can be better
    serial = Serial(max_drop=0.05, metric=metric)
    trajectory = kp.compress(model, kp.Budget(channels=0.3), "linear", serial, data=(NUMBERS, y)).trajectory
    values = trajectory.values("value")
    assert trajectory.metric == getattr(metric, "name", "mean_absolute_error")
    assert len(values) < 7 and max(values) <= values[0] + 0.05
    np.testing.assert_allclose(values[0], 0.0, atol=1e-5)


def test_serial_stops_before_a_binary_classifier_gets_worse():
    model, y = dense(1, "sigmoid"), (NUMBERS[:, 0] > 0).astype("int32")
    model.compile("sgd", "binary_crossentropy")
    serial = Serial(max_drop=0.01)
    trajectory = kp.compress(model, kp.Budget(channels=0.3), "oracle", serial, data=(NUMBERS, y)).trajectory
    assert trajectory.metric == "accuracy" and min(trajectory.values("value")) >= trajectory.value - 0.01


def test_a_metric_that_does_not_exist_is_named():
    model = dense(1, None)
    with pytest.raises(DataError, match="no metric 'mean_error'.*mean_absolute_error"):
        find_metric(model, Sampling((NUMBERS, NUMBERS[:, 0]), "mse"), "mean_error")
