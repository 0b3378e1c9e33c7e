"""Channels that go one at a time: in the right order, until the right limit, and on after an interruption."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.criteria import gain_curve
from kerasprune.evidence import Probe, Sampling
from kerasprune.report import Trajectory, plot_gain_curves, plot_trajectories
from kerasprune.strategies import Serial, compress
from tests.small_models import dense_model

LOSS = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def model():
    model = dense_model(6, 6, 4, activation="tanh", seed=1)
    model = keras.Sequential([model, keras.layers.Softmax()])
    model.build((None, 4))
    model.compile("sgd", LOSS)
    return model


@pytest.fixture(scope="module")
def data(model):
    """Inputs, and the classes that the whole model gives them."""
    x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
    return x, model.predict(x, verbose=0).argmax(axis=1)


@pytest.fixture(scope="module")
def shrink(model, data):
    def run(criterion="linear", **options):
        return compress(model, kp.Budget(channels=0.6), criterion, Serial(**options), data, batch_size=24)

    return run


@pytest.fixture(scope="module")
def whole(shrink):
    return shrink()


@pytest.mark.parametrize("criterion", ["oracle", "linear", "gauss_newton", "taylor", "magnitude"])
def test_every_removal_is_that_of_the_lowest_score_of_what_is_left(model, data, shrink, criterion):
    result = shrink(criterion, max_removals=3)
    graph = kp.trace(model)
    keep = graph.keep_all()
    for removal in result.trajectory.removals:
        small = kp.slim(model, graph, keep)
        scores = kp.score(small, kp.trace(small), criterion, data, loss=LOSS)
        origin = np.flatnonzero(keep)
        assert removal.id == origin[np.argmin(scores)]
        assert removal.score == pytest.approx(scores.min(), rel=1e-3, abs=1e-6)
        keep[removal.id] = False
    np.testing.assert_array_equal(keep, result.keep)


def test_loss_and_accuracy_are_those_of_the_slimmed_model(whole, data):
    whole.model.compile("sgd", LOSS, metrics=["accuracy"])
    loss, accuracy = whole.model.evaluate(*data, verbose=0)
    last = whole.trajectory.removals[-1]
    assert last.loss == pytest.approx(loss, rel=1e-4)
    assert last.accuracy == pytest.approx(accuracy)


def test_a_single_ranking_removes_in_its_order(model, data, shrink, whole):
    removals = shrink(rerank=False).trajectory.removals
    scores = kp.score(model, kp.trace(model), "linear", data)
    found = [removal.score for removal in removals]
    assert found == sorted(found)
    assert found == pytest.approx([scores[removal.id] for removal in removals], rel=1e-4)
    assert [removal.id for removal in removals] != [removal.id for removal in whole.trajectory.removals]


def test_it_stops_before_a_limit_is_passed(shrink, whole):
    losses, accuracies = (np.array(whole.trajectory.values(name)) for name in ("loss", "accuracy"))
    assert accuracies[0] == 1.0 > accuracies.min()
    limit = (losses[0] + losses.max()) / 2
    assert len(shrink(max_loss=limit).trajectory.removals) == np.argmax(losses > limit) - 1
    assert len(shrink(max_drop=0.05).trajectory.removals) == np.argmax(accuracies < 0.95) - 1


def test_an_interrupted_run_ends_like_one_that_was_not(shrink, whole, tmp_path):
    path = tmp_path / "run.json"
    shrink(path=path, max_removals=2)
    assert len(Trajectory.load(path).removals) == 2
    assert shrink(path=path).trajectory == whole.trajectory == Trajectory.load(path)


def test_the_trajectory_of_another_run_is_refused(shrink, tmp_path):
    path = tmp_path / "run.json"
    shrink(path=path, max_removals=1)
    with pytest.raises(DataError, match="another model, criterion or strategy"):
        shrink("magnitude", path=path)
    path.write_text("[]")
    with pytest.raises(DataError, match="not a trajectory"):
        shrink(path=path)


def test_protected_groups_and_widths_hold(model, data):
    budget = kp.Budget(channels=0.85)
    result = compress(model, budget, "magnitude", "serial", data, protect=["*/dense0"], min_width=3)
    groups = [group for group in kp.trace(model).groups if group.frozen is None]
    assert [int(result.keep[group.ids].sum()) for group in groups] == [6, 3]


def test_without_labels_there_is_no_loss(model):
    result = compress(model, kp.Budget(channels=0.8), strategy="serial")
    assert result.trajectory.loss is None
    assert all(removal.accuracy is None for removal in result.trajectory.removals)
    with pytest.raises(DataError, match="max_drop"):
        compress(model, kp.Budget(channels=0.8), strategy=Serial(max_drop=0.1))


@pytest.mark.parametrize("option", ["max_drop", "max_loss", "max_removals"])
def test_limits_must_be_numbers(option):
    with pytest.raises(ValueError, match=f"`{option}`.*-1"):
        Serial(**{option: -1})


def test_a_gain_of_zero_is_the_removal_and_the_pictures_are_drawn(model, data, whole, tmp_path):
    trajectory = whole.trajectory
    probe = Probe(model, kp.trace(model), Sampling(loss=LOSS, batch_size=24))
    curve = gain_curve(probe, data, trajectory.removals[0].id, [0, 1, 2])
    assert curve[1][0] == pytest.approx(trajectory.removals[0].loss, rel=1e-5)
    assert curve[1][1] == pytest.approx(trajectory.loss, rel=1e-5)
    plot_gain_curves({"first": curve}, tmp_path / "gain.png")
    plot_trajectories({"linear": trajectory}, tmp_path / "loss.png", "loss")
    assert (tmp_path / "gain.png").stat().st_size > 1000 and (tmp_path / "loss.png").stat().st_size > 1000
