"""A scan measures what the slimmed model of each point does, and nothing else."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.small_models import conv_model, images
from tests.strategies.tasks import fit, network, points

SPARSE = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def trained():
    model = network()
    fit(model, 12)
    return model


def slimmed(model, graph, scores, group, width):
    """The model with so many channels of one group, those of the highest scores."""
    keep = graph.keep_all()
    keep[group.ids[np.argsort(scores[group.ids], kind="stable")][: group.width - width]] = False
    return kp.slim(model, graph, keep)


@pytest.mark.backend
@pytest.mark.parametrize("criterion", ["taylor", "magnitude"])
def test_every_point_is_the_slimmed_model_of_the_channels_that_are_worth_most(criterion):
    model, data = conv_model(), images(20)
    model.compile("sgd", SPARSE)
    graph = kp.trace(model)
    found = kp.sensitivity(model, data, criterion, points=(0.6, 0.3), batch_size=8)
    scores = kp.score(model, graph, criterion, data, batch_size=8)
    assert [(curve.name, curve.size) for curve in found.curves] == [(g.name, g.width) for g in graph.free_groups]
    for group, curve in zip(graph.free_groups, found.curves, strict=True):
        for point, share in enumerate((0.6, 0.3), 1):
            assert curve.kept[point] == max(1, round(share * group.width))
            small = slimmed(model, graph, scores, group, curve.kept[point])
            small.compile(loss=SPARSE, metrics=["accuracy"])
            assert small.evaluate(*data, verbose=0) == pytest.approx((curve.loss[point], curve.value[point]), abs=1e-4)
    assert found.loss == pytest.approx(model.evaluate(*data, verbose=0), abs=1e-5)
    assert all(curve.loss[0] == pytest.approx(found.loss, abs=1e-5) for curve in found.curves)
    assert set(found.left_out) == {"classes"} and "left out: classes" in str(found)


def test_recurrent_units_and_heads_go_from_what_they_read_inside():
    inputs = keras.Input((5, 4))
    x = keras.layers.MultiHeadAttention(2, 3)(*[keras.layers.LSTM(4, return_sequences=True)(inputs)] * 2)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(x))
    rng = np.random.default_rng(0)
    data = rng.normal(size=(8, 5, 4)).astype("float32"), rng.normal(size=(8, 5, 2))
    found = kp.sensitivity(model, data, "magnitude", points=(0.5,), loss="mse")
    graph, scores = kp.trace(model), kp.score(model, kp.trace(model), "magnitude")
    for group, curve in zip(graph.free_groups, found.curves, strict=True):
        small = slimmed(model, graph, scores, group, curve.kept[1])
        small.compile(loss="mse")
        assert small.evaluate(*data, verbose=0) == pytest.approx(curve.loss[1], rel=1e-4)
    assert found.metric == "mean_absolute_error" and not found.more_is_better


def test_a_loss_of_a_whole_batch_is_measured_by_the_whole_network():
    model, (x, y) = conv_model(), images(12)

    def spread(labels, outputs):
        return keras.ops.std(outputs) + keras.ops.mean(labels)

    found = kp.sensitivity(model, (x, y.astype("float32")), "magnitude", points=(0.5,), loss=spread, batch_size=12)
    keep = kp.trace(model).keep_all()
    outputs = model.predict(x, verbose=0)
    assert found.loss == pytest.approx(outputs.std() + y.mean(), rel=1e-5) and keep.all()
    assert len({curve.loss[1] for curve in found.curves}) == 3


def test_single_weights_of_each_kernel_go_by_magnitude(trained):
    data = points()
    found = kp.sensitivity(trained, data, of="weights", points=(0.5, 0.0))
    assert [curve.size for curve in found.curves] == [96, 120, 30]
    trained.compile("sgd", trained.loss, metrics=["accuracy"])
    weights = trained.get_weights()
    for place, curve in zip((0, 2, 4), found.curves, strict=True):
        assert curve.kept == (curve.size, curve.size // 2, 0)
        model = keras.models.clone_model(trained)
        limit = np.sort(np.abs(weights[place]), axis=None)[curve.size // 2]
        cut = [*weights]
        cut[place] = np.where(np.abs(cut[place]) < limit, 0, cut[place])
        model.set_weights(cut)
        model.compile("sgd", trained.loss, metrics=["accuracy"])
        assert model.evaluate(*data, verbose=0) == pytest.approx((curve.loss[1], curve.value[1]), abs=1e-4)
    for one, other in zip(weights, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_metric_may_be_named_and_a_missing_loss_is_said_once(trained):
    with pytest.warns(UserWarning, match="not compiled with a loss") as said:
        found = kp.sensitivity(conv_model(), images(8), points=(0.5,), metric=SPARSE)
    assert sum(issubclass(each.category, UserWarning) for each in said) == 1
    assert found.metric == SPARSE and not found.more_is_better
    for curve in found.curves:
        assert curve.loss == pytest.approx(curve.value, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": (0.5, 0.75)}, kp.OptionError, r"`points` must be .* that fall. Received: points=\(0.5, 0.75\)"),
        ({"points": ()}, kp.OptionError, "`points` must be"),
        ({"points": (1.0,)}, kp.OptionError, "`points` must be"),
        ({"of": "channel"}, kp.OptionError, "Did you mean 'channels'"),
        ({"criterion": "tailor"}, kp.OptionError, "Did you mean 'taylor'"),
        (
            {"of": "weights", "criterion": "taylor"},
            kp.OptionError,
            "by 'magnitude' alone. Received: criterion='taylor'",
        ),
        ({"data": points()[0]}, kp.DataError, "needs labels"),
    ],
)
def test_bad_arguments_are_one_clear_error(trained, arguments, error, message):
    with pytest.raises(error, match=message):
        kp.sensitivity(trained, **{"data": points(), **arguments})
