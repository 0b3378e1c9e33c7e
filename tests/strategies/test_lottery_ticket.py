"""Tickets: what is left has the weights of the beginning, layer by layer as many as were asked for."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import BudgetError, OptionError
from kerasprune.strategies import LotteryTicket
from tests.small_models import conv_model, images
from tests.strategies.tasks import fit, kernels, network, points, same_weights

BUDGETS = {"channels": kp.Budget(params=0.5), "weights": kp.Budget(params=0.4)}


def run(model=None, of="weights", train=fit, ranking="per_layer", criterion="magnitude", **options):
    """A search on the small task."""
    lottery = LotteryTicket(of=of, **{"steps": 2, **options})
    model = network() if model is None else model
    return kp.compress(model, BUDGETS[of], criterion, lottery, data=points(), train=train, ranking=ranking)


@pytest.fixture(scope="module")
def sparse():
    return run(validation=points(seed=1))


@pytest.mark.parametrize("of", BUDGETS)
def test_a_ticket_is_trained_from_the_first_weights(of):
    first, seen = network(), []

    def train(model):
        seen.append(kp.strip(model) if of == "weights" else model)
        seen[-1] = [weight.copy() for weight in seen[-1].get_weights()]
        fit(model)

    tickets = run(first, of, train).record
    assert len(seen) == 3
    graph = kp.trace(first)
    for number in (0, 1, 2):
        if of == "channels":
            expected = kp.slim(first, graph, tickets.keeps[number]).get_weights()
        else:
            parts = np.split(tickets.keeps[number], [96, 216])
            weights = first.get_weights()
            for place, part in zip((0, 2, 4), parts, strict=True):
                weights[place] = weights[place] * part.reshape(weights[place].shape)
            expected = weights
        for found, wanted in zip(seen[number], expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_weights_that_are_gone_stay_zero_in_training_and_the_others_learn(sparse):
    tickets = sparse.record
    model = tickets.model(2)
    before = kernels(kp.strip(model))
    fit(model)
    after = kernels(kp.strip(model))
    np.testing.assert_array_equal(after != 0, tickets.keeps[2])
    assert (before != after).sum() > 0.9 * tickets.left[2]


def test_every_round_keeps_what_was_asked_for_and_the_last_layer_loses_half_as_much(sparse):
    tickets = sparse.record
    others = 25  # biases
    limit = 0.4 * (246 + others)
    assert limit - others - 3 <= tickets.left[-1] <= limit - others
    sizes = np.array([96, 120, 30])
    shares = np.array([[part.mean() for part in np.split(keep, [96, 216])] for keep in tickets.keeps])
    rate = 1 - shares[1]
    assert rate[0] == pytest.approx(rate[1], abs=1 / 96) and rate[2] == pytest.approx(rate[0] / 2, abs=1 / 30)
    assert (np.abs(shares[2] - shares[1] ** 2) <= 2.5 / sizes).all()
    assert all((later <= earlier).all() for earlier, later in zip(tickets.keeps, tickets.keeps[1:], strict=False))


def test_the_least_trained_weights_go(sparse):
    def train(model):
        fit(model)
        trained.append(kernels(kp.strip(model)))

    trained: list[np.ndarray] = []
    tickets = run(train=train).record
    for number, values in enumerate(trained[:2]):
        before, after = tickets.keeps[number], tickets.keeps[number + 1]
        for layer in np.split(np.arange(246), [96, 216]):
            gone = layer[before[layer] & ~after[layer]]
            assert np.abs(values[gone]).max() <= np.abs(values[layer[after[layer]]]).min()
    assert np.array_equal(tickets.keeps, sparse.record.keeps)


def test_a_global_ranking_has_one_pool():
    found = run(ranking="global", steps=1, train=None).record
    values = np.abs(kernels(network()))
    assert values[~found.keeps[1]].max() <= values[found.keeps[1]].min()
    assert found.left[1] == int(0.4 * 271) - 25


def test_the_result_is_a_plain_model_without_dead_neurons_and_the_report_counts_its_weights(sparse):
    assert not any(isinstance(layer, kp.layers.Sparse) for layer in sparse.model.layers)
    weights = sparse.report.steps[-1].weights
    assert weights.before == 246 and weights.after == np.count_nonzero(kernels(sparse.model))
    assert weights.after <= sparse.record.left[-1]
    assert f"single weights: 246 -> {weights.after}, " in str(sparse.report)
    graph = kp.trace(network())
    assert sparse.model.count_params() == graph.params(sparse.keep)


def test_loss_and_accuracy_after_every_training_are_those_of_the_model(sparse):
    assert len(sparse.record.measured) == 3
    sparse.model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    loss, accuracy = sparse.model.evaluate(*points(seed=1), verbose=0)
    assert sparse.record.measured[-1] == (pytest.approx(loss, rel=1e-4), pytest.approx(accuracy))


@pytest.mark.parametrize("of", BUDGETS)
def test_late_rewinding_goes_back_to_the_weights_at_a_step(of):
    spans, early = [], []

    def train(model, **span):
        spans.append(span)
        weights = (kp.strip(model) if of == "weights" else model).get_weights()
        if span == {"start": 5}:
            early.append(kernels(kp.strip(model)) if of == "weights" else weights[1])
        fit(model, 1)
        if span == {"stop": 5}:
            early.append(kernels(kp.strip(model)) if of == "weights" else model.get_weights()[1])

    tickets = run(of=of, train=train, step=5).record
    assert spans == [{"stop": 5}, *[{"start": 5}] * 3]
    if of == "weights":
        for number, found in enumerate(early[1:]):
            np.testing.assert_array_equal(found, early[0] * tickets.keeps[number])
    else:
        first = kp.trace(network()).groups[0].ids
        for number, found in enumerate(early[1:]):
            np.testing.assert_array_equal(found, early[0][tickets.keeps[number][first]])


def test_learning_rate_rewinding_goes_on_from_the_trained_weights():
    ends, starts = [], []

    def train(model):
        starts.append(kernels(kp.strip(model)))
        fit(model)
        ends.append(kernels(kp.strip(model)))

    tickets = run(train=train, rewind="learning_rate").record
    for number in (1, 2):
        np.testing.assert_array_equal(starts[number], ends[number - 1] * tickets.keeps[number])


@pytest.mark.parametrize("of", BUDGETS)
def test_controls_have_the_numbers_of_the_ticket_and_not_its_weights(of):
    tickets = run(of=of).record
    ticket, init, mask = (tickets.model(2, control) for control in (None, "random_init", "random_mask"))
    if of == "weights":
        ticket, init, mask = map(kp.strip, (ticket, init, mask))
    assert ticket.count_params() == init.count_params() == mask.count_params()
    whole = network().get_weights()
    for place in (0, 2, 4):
        values = [model.get_weights()[place] for model in (ticket, init, mask)]
        assert len({np.count_nonzero(value) for value in values}) == 1
        assert not np.array_equal(values[0], values[1])
        for value in values:
            assert np.isin(value[value != 0], whole[place]).all()
    if of == "weights":
        assert np.array_equal(kernels(ticket) != 0, kernels(init) != 0)
        assert not np.array_equal(kernels(ticket) != 0, kernels(mask) != 0)
    assert not same_weights(tickets.model(2, "random_init", seed=1), tickets.model(2, "random_init", seed=2))


def test_a_control_is_trained_in_the_place_of_the_last_ticket():
    plain, other = run(validation=points(seed=1)), run(control="random_init", validation=points(seed=1))
    np.testing.assert_array_equal(plain.record.keeps, other.record.keeps)
    assert (
        plain.record.measured[:2] == other.record.measured[:2] and plain.record.measured[2] != other.record.measured[2]
    )


@pytest.mark.slow
def test_a_ticket_learns_faster_than_random_weights_in_its_places():
    """With an eighth of the weights, after the same few steps."""
    lottery = LotteryTicket(of="weights", steps=6)
    budget = kp.Budget(params=25 + 28)
    tickets = kp.compress(
        network(), budget, "magnitude", lottery, points(), train=lambda model: fit(model, 15), ranking="per_layer"
    ).record

    def accuracy(control, seed):
        model = tickets.model(6, control, seed)
        fit(model, 6)
        return (model.predict(points(600, 5)[0], verbose=0).argmax(axis=1) == points(600, 5)[1]).mean()

    ticket = accuracy(None, 0)
    assert ticket > 0.75
    for control in ("random_init", "random_mask"):
        assert ticket > np.mean([accuracy(control, seed) for seed in range(3)]) + 0.15


def test_random_masks_rank_nothing_by_magnitude():
    kept = run(criterion="random", train=None, ranking="global").record.keeps[-1]
    values = np.abs(kernels(network()))
    assert values[~kept].max() > values[kept].min()


def test_without_a_number_of_steps_each_removes_a_fifth():
    assert len(run(steps=None, train=None).record.keeps) == 6  # 83 of 246 weights are left: 0.8 ** 5 is below


def test_layers_with_batch_norm_convolutions_and_shared_names():
    model = conv_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = images(16)

    def train(network):
        network.compile("sgd", "sparse_categorical_crossentropy")
        network.fit(x, y, verbose=0)

    result = kp.compress(
        model, kp.Budget(params=0.5), strategy=LotteryTicket(of="weights", steps=2), data=(x, y), train=train
    )
    assert result.report.steps[-1].weights.after <= 0.5 * model.count_params()
    assert result.report.difference < 1e-5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"strategy": {"of": "weight"}}, OptionError, "Did you mean 'weights'"),
        ({"strategy": {"rewind": "rate"}}, OptionError, "no rewinding named 'rate'"),
        ({"strategy": {"control": "random"}}, OptionError, "no control named 'random'"),
        ({"strategy": {"steps": 0}}, OptionError, "`steps` must.*0"),
        ({"strategy": {"step": -1}}, OptionError, "`step` must.*-1"),
        ({"strategy": {"output_rate": 0}}, OptionError, "`output_rate` must.*0"),
        ({"budget": kp.Budget(flops=0.5)}, OptionError, "limited by their number alone"),
        ({"criterion": "taylor"}, OptionError, "no score of single weights named 'taylor'"),
        ({"round_to": 4}, OptionError, "only `ranking` can be chosen. Received: round_to=4"),
        ({"recover": "bias"}, OptionError, "only `ranking` can be chosen. Received: recover="),
        ({"budget": kp.Budget(channels=0.01), "strategy": {"of": "channels"}}, BudgetError, "cannot be reached"),
    ],
)
def test_bad_arguments_are_one_clear_error_before_any_training(arguments, error, message):
    given = {"budget": kp.Budget(params=0.5), "data": points(), **arguments}
    with pytest.raises(error, match=message):
        strategy = LotteryTicket(**{"of": "weights", **given.pop("strategy", {})})
        kp.compress(network(), strategy=strategy, train=lambda model: pytest.fail("trained"), **given)


def test_a_round_that_is_none_is_refused(sparse):
    with pytest.raises(OptionError, match="`number` must be a round from 0 to 2. Received: number=3"):
        sparse.record.model(3)
