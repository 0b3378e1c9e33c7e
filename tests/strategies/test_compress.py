"""From a model and a budget to a verified smaller model: what comes back, and what is refused."""

import dataclasses
import logging

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import BudgetError, DataError, GraphError, OptionError
from kerasprune.core.schedule import SCHEDULES
from kerasprune.criteria import Magnitude
from kerasprune.recoveries import Reconstruct
from kerasprune.strategies import STRATEGIES, Iterative, compress
from tests.small_models import conv_model, images

LOSS = "sparse_categorical_crossentropy"
SINGLE_WEIGHTS = ["train_prune_retrain"]  # these remove no channels; see `test_train_prune_retrain`
PRESSING = ["group_lasso", "growing_regularization"]  # these say so where nothing trains
OF_CHANNELS = [name for name in STRATEGIES if name not in SINGLE_WEIGHTS]


def training_for(strategy):
    """What a strategy has to train with, which leaves a model as it is."""
    return (lambda network: None) if strategy in PRESSING else None


@pytest.fixture(scope="module")
def model():
    model = conv_model()
    model.compile("sgd", LOSS)
    return model


@pytest.mark.backend
@pytest.mark.parametrize("strategy", OF_CHANNELS)
@pytest.mark.parametrize("criterion", ["magnitude", "taylor"])
def test_the_result_is_within_the_budget_and_is_the_slimmed_model(model, strategy, criterion):
    result = compress(model, kp.Budget(flops=0.4), criterion, strategy, images(), training_for(strategy), recover=())
    graph = kp.trace(model)
    assert graph.macs(result.keep) <= 0.4 * graph.macs()
    assert result.model.count_params() == graph.params(result.keep) == result.report.params.after
    assert result.report.difference < 1e-5
    kp.verify(model, graph, result.keep, result.model)


@pytest.mark.parametrize("strategy", OF_CHANNELS)
def test_the_model_that_is_given_stays_as_it_is(model, strategy):
    before = [w.copy() for w in model.get_weights()]
    compress(model, kp.Budget(flops=0.4), "taylor", strategy, images(), training_for(strategy))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("strategy", OF_CHANNELS)
@pytest.mark.parametrize("criterion", ["taylor", "random"])
def test_the_same_seed_gives_the_same_keep_weights_and_report(model, strategy, criterion):
    budget, train = kp.Budget(params=0.3), training_for(strategy)
    first, second = (compress(model, budget, criterion, strategy, images(), train, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.keep, second.keep)
    assert first.report.to_json() == second.report.to_json()
    for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_iterative_strategy_ranks_what_training_left(model):
    seen = []

    def train(small):
        seen.append(small.count_params())
        weights = small.get_layer("hidden").get_weights()
        weights[0] = weights[0] * np.linspace(1, 50, weights[0].shape[1])[::-1]  # the last ones become the least
        weights[0][:, -1] *= 1e-3
        small.get_layer("hidden").set_weights(weights)

    result = compress(model, kp.Budget(channels=0.7), strategy=Iterative(3), train=train)
    assert len(result.report.steps) == 3
    assert seen == [step.params for step in result.report.steps]
    assert seen == sorted(seen, reverse=True)
    hidden = next(group for group in kp.trace(model).groups if group.name == "hidden")
    untrained = compress(model, kp.Budget(channels=0.7), strategy=Iterative(3))
    assert not np.array_equal(result.keep[hidden.ids], untrained.keep[hidden.ids])


def test_what_is_gone_stays_gone_whatever_the_scores():
    """Scores below zero for what is left must not bring back what was removed."""
    model = conv_model()
    kept = []

    def criterion(evidence):
        return -1.0 - np.arange(evidence.graph.num_ids)

    def follow(rounds, budget):
        state = rounds.start()
        for channels in (0.8, 0.7, 0.6):
            state = rounds.shrink(state, kp.Budget(channels=channels))
            kept.append(set(state.origin.tolist()))
        return state

    result = compress(model, kp.Budget(channels=0.6), criterion, follow)
    assert kept[2] < kept[1] < kept[0]
    assert result.report.channels.kept <= 0.6


def test_a_trained_model_may_be_returned_instead(model):
    def train(small):
        other = keras.models.clone_model(small)
        other.set_weights([0 * w for w in small.get_weights()])
        return other

    result = compress(model, kp.Budget(flops=0.5), train=train)
    assert all((w == 0).all() for w in result.model.get_weights())


def test_train_that_returns_something_else_is_told_so(model):
    with pytest.raises(OptionError, match="`train` must train.*It returned: dict"):
        compress(model, kp.Budget(flops=0.5), train=lambda small: {})


def test_options_of_select_hold_over_all_steps(model):
    result = compress(
        model, kp.Budget(flops=0.5), strategy=Iterative(4), overrides={"hidden": 0.5}, protect=["third"], round_to=2
    )
    widths = {group.name: int(result.keep[group.ids].sum()) for group in kp.trace(model).groups}
    assert widths["hidden"] == 4 and widths["third"] == 4 and widths["first"] % 2 == 0


def test_a_fraction_as_minimum_width_is_that_of_the_original(model):
    result = compress(model, kp.Budget(channels=0.65), strategy=Iterative(5), min_width=0.5)
    assert all(result.keep[group.ids].mean() >= 0.5 for group in kp.trace(model).groups)


def test_an_absolute_budget_works_in_steps(model):
    result = compress(model, kp.Budget(params=400, flops=0.9), strategy=Iterative(3, "cubic"))
    assert result.report.params.after <= 400
    targets = [step.target["params"] for step in result.report.steps]
    assert targets == sorted(targets, reverse=True) and targets[-1] == pytest.approx(400)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_falls_from_all_to_the_final_fraction(name):
    kept = [SCHEDULES[name](0.2, step / 10) for step in range(11)]
    assert kept[0] == pytest.approx(0.2 if name == "constant" else 1) and kept[-1] == pytest.approx(0.2)
    assert all(now <= before for before, now in zip(kept, kept[1:], strict=False))


def test_recalibration_changes_the_statistics_only(model):
    plain = compress(model, kp.Budget(flops=0.5)).model
    fresh = compress(model, kp.Budget(flops=0.5), "magnitude", data=images(), recover="recalibrate").model
    for a, b in zip(plain.weights, fresh.weights, strict=True):
        assert np.array_equal(a, b) != a.path.endswith(("moving_mean", "moving_variance"))


def test_the_report_says_how_it_was_done(model):
    report = compress(model, kp.Budget(flops=0.5), Magnitude(p=1), Iterative(2), seed=3, round_to=2).report
    assert report.settings["criterion"].startswith("Magnitude(p=1")
    assert report.settings["strategy"] == "Iterative(steps=2, schedule='geometric')"
    assert (report.settings["budget"], report.settings["seed"]) == ("flops <= 50 %", "3")
    assert report.settings["round_to"] == "2"


def test_a_recovery_may_bring_its_options(model):
    results = [
        compress(model, kp.Budget(flops=0.5), data=images(), recover=(Reconstruct(damping=damping), "bias"))
        for damping in (1e-4, 1.0)
    ]
    words = [result.report.settings["recover"] for result in results]
    assert words[1].startswith("Reconstruct(damping=1.0, ") and words[1].endswith("), bias")
    first, second = (result.model.weights for result in results)
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_verification_can_be_left_out(model):
    assert compress(model, kp.Budget(flops=0.5), verify=False).report.difference is None


OTHERS = {
    "has 10 .* has 11": lambda small: keras.Model(small.inputs, keras.layers.ReLU()(small.outputs[0])),
    "with weights of .* has a": lambda small: conv_model(),
}


@pytest.mark.parametrize("told", OTHERS)
def test_train_that_returns_another_architecture_is_told_so(model, told):
    with pytest.raises(OptionError, match=f"architecture that it is given. .*{told}"):
        compress(model, kp.Budget(flops=0.5), train=OTHERS[told])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_train_that_leaves_what_is_no_number_is_told_so(model, value):
    def train(small):
        weights = small.get_weights()
        weights[0][..., 0] = value
        small.set_weights(weights)

    with pytest.raises(kp.DataError, match="After `train` the weight .*kernel' holds NaN or infinity.*learning rate"):
        compress(model, kp.Budget(flops=0.5), train=train)


def test_what_the_optimizer_has_gathered_is_no_part_of_the_result(model):
    def train(small):
        small.compile(keras.optimizers.Adam(0.02), LOSS)
        small.fit(*images(), verbose=0)

    found = compress(model, kp.Budget(flops=0.5), "magnitude", train=train).model
    assert len(found.optimizer.variables) == 2 and found.loss == LOSS  # its steps and its rate
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found.optimizer.learning_rate), 0.02)


def test_nothing_that_tensorflow_says_about_tracing_is_heard(model, caplog):
    def told(*_):
        logging.getLogger("tensorflow").warning("5 out of the last 5 calls triggered tf.function retracing.")

    def rank(evidence):
        told()
        return np.arange(evidence.graph.num_ids, dtype=float)

    compress(model, kp.Budget(flops=0.9), rank, train=told)
    kp.score(model, kp.trace(model), rank)
    kp.finetune(model, images(), callbacks=[keras.callbacks.LambdaCallback(on_train_begin=told)])
    assert not caplog.records
    told()
    assert len(caplog.records) == 1


def test_an_unreachable_budget_fails_before_any_training(model):
    with pytest.raises(BudgetError, match="cannot be reached"):
        compress(model, kp.Budget(params=0.01), strategy="iterative", train=lambda small: pytest.fail("trained"))


def test_a_misspelt_option_fails_before_any_work(model):
    with pytest.raises(OptionError, match="min_widht.*Did you mean .min_width"):
        compress(model, kp.Budget(flops=0.5), criterion=lambda evidence: pytest.fail("scored"), min_widht=3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"strategy": "iterativ"}, ValueError, "Did you mean 'iterative'"),
        ({"recover": "recalibrate"}, DataError, "`recover=.*needs data"),
        ({"recover": "reconstuct"}, ValueError, "Did you mean 'reconstruct'"),
        ({"criterion": "taylor"}, DataError, "There is no data"),
    ],
)
def test_bad_arguments_are_one_clear_error(model, arguments, error, message):
    with pytest.raises(error, match=message):
        compress(model, kp.Budget(flops=0.5), **arguments)


@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 1.5}, {"schedule": "cubc"}])
def test_bad_options_of_iterative_are_refused(options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        Iterative(**options)


def test_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(GraphError, match="subclassed"):
        compress(Own(), kp.Budget(flops=0.5))


def test_a_strategy_keeps_a_record_of_its_own(model):
    def noted(rounds, budget):
        return dataclasses.replace(rounds.shrink(rounds.start(), budget), record="by hand")

    result = compress(model, kp.Budget(flops=0.5), strategy=noted)
    assert result.record == "by hand"
    assert compress(model, kp.Budget(flops=0.5)).record is None
    with pytest.raises(OptionError, match=r"Only the strategy 'serial' .* this is a result of OneShot"):
        _ = compress(model, kp.Budget(flops=0.5)).trajectory


def test_the_weights_at_the_start_are_at_hand_in_the_shape_of_what_is_left(model):
    """A strategy that trains can go back to them: here the result is that of one cut without training."""

    def train(small):
        small.set_weights([weight + 1 for weight in small.get_weights()])

    def rewound(rounds, budget):
        state = rounds.shrink(rounds.start(), budget)
        for path, weights in rounds.initial_weights(state).items():
            state.model.get_layer(path).set_weights(weights)
        return state

    result = compress(model, kp.Budget(flops=0.5), strategy=rewound, train=train)
    untrained = compress(model, kp.Budget(flops=0.5))
    for back, plain in zip(result.model.weights, untrained.model.weights, strict=True):
        np.testing.assert_array_equal(back, plain)


def test_the_steps_of_a_round_can_be_taken_one_by_one(model):
    def by_hand(rounds, budget):
        state = rounds.start()
        keep = rounds.select(rounds.scores(state), budget)
        cut = rounds.cut(state, keep, {"flops": 1.0})
        assert cut.steps[-1].difference is None and not cut.steps[-1].repairs
        checked = rounds.check(state, cut)
        assert checked.model is cut.model and checked.steps[-1].difference < 1e-5
        repaired = rounds.repair(checked)
        assert repaired.model is not cut.model and repaired.steps[-1].repairs
        return rounds.train(repaired)

    by_steps, at_once = (
        compress(model, kp.Budget(flops=0.5), "magnitude", strategy, images(), recover="reconstruct")
        for strategy in (by_hand, "one_shot")
    )
    for one, other in zip(by_steps.model.weights, at_once.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
