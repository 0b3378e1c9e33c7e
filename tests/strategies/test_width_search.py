"""Widths that are searched: within the budget, never worse than what is known, by several processes on one study."""

import subprocess
import sys

import keras
import pytest

import kerasprune as kp
from kerasprune.strategies import WidthSearch
from kerasprune.strategies.sensitivity import sensitivity
from tests.strategies.tasks import LOSS, fit, network, points

pytest.importorskip("optuna")
BUDGET = kp.Budget(params=0.5)
VALIDATION = points(300, 2)


def trained() -> keras.Model:
    """The small network, the same in every process."""
    model = network()
    fit(model, 12)
    model.compile("sgd", LOSS, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def dense():
    return trained()


def run(dense, budget=BUDGET, **options):
    """A short search."""
    search = WidthSearch(**{"trials": 12, "validation": VALIDATION, **options})
    return kp.compress(dense, budget, strategy=search, data=points(), recover=(), round_to=1)


@pytest.mark.slow
@pytest.mark.backend
def test_the_best_widths_are_within_the_budget_and_no_worse_than_what_is_known(dense):
    found = run(dense)
    record, graph = found.record, kp.trace(dense)
    assert found.model.count_params() <= 0.5 * dense.count_params() and len(record.tried) == 12
    assert record.best == max(record.tried) and len(set(record.tried)) > 2
    accuracy = (found.model.predict(VALIDATION[0], verbose=0).argmax(axis=1) == VALIDATION[1]).mean()
    assert record.best == pytest.approx(accuracy, abs=1e-6)
    assert record.widths == {group.name: int(found.keep[group.ids].sum()) for group in graph.free_groups}
    even = kp.compress(
        dense, BUDGET, "taylor", "one_shot", data=points(), recover=(), ranking="per_layer", round_to=1
    ).model
    assert record.best >= (even.predict(VALIDATION[0], verbose=0).argmax(axis=1) == VALIDATION[1]).mean() - 1e-6
    assert record.whole == pytest.approx(dense.evaluate(*VALIDATION, verbose=0)[1], abs=1e-6)


def test_the_first_trial_costs_all_groups_the_same(dense):
    """One channel more of any group would be worth more to it than to all others, or would not be within the budget."""
    found = run(dense, trials=1).record
    curves = sensitivity(dense, VALIDATION, kp.criteria.Taylor()).curves
    most = max(max(curve.loss) - curve.loss[0] for curve in curves)
    levels = [most * level / 1000 for level in range(1001)]
    widths = [
        {curve.name: max(1, int(curve.least_share(rise) * curve.size + 1e-9)) for curve in curves} for rise in levels
    ]
    assert len(found.tried) == 1 and found.widths in widths
    assert len(set(found.widths.values())) == 2


def test_a_cost_of_ones_own_is_met_too(dense):
    found = run(
        dense, kp.Budget(params=0.9), trials=2, warm=False, cost=lambda graph, keep: graph.macs(keep), limit=120
    )
    assert kp.trace(found.model).macs() <= 120


@pytest.mark.parametrize("address", ["{}/widths.log", "sqlite:///{}/widths.db"])
def test_a_study_that_is_found_goes_on_and_another_one_is_refused(dense, address, tmp_path):
    storage = address.format(tmp_path)
    first = run(dense, trials=2, warm=False, storage=storage).record.tried
    more = run(dense, trials=3, warm=False, storage=storage).record.tried
    assert more[:2] == first and len(more) == 3
    with pytest.raises(kp.DataError, match="study width_search in .* another model"):
        run(dense, kp.Budget(params=0.4), trials=3, warm=False, storage=storage)


@pytest.mark.slow
def test_two_processes_work_on_one_study(tmp_path):
    code = (
        "import sys, kerasprune; from tests.strategies.test_width_search import run, trained\n"
        "print(len(run(trained(), trials=10, storage=sys.argv[1]).record.tried))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "widths.log")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(process.communicate()[0].split()[-1]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(10 <= count <= 11 for count in counts)  # one may be under way when the other one makes the last


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "`trials` must be"),
        ({"limit": 3.0}, "`cost` and `limit` go together"),
    ],
)
def test_bad_options_are_one_clear_error(options, message):
    with pytest.raises(kp.OptionError, match=message):
        WidthSearch(**options)


def test_without_optuna_it_says_what_to_install(dense, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(kp.OptionError, match=r"pip install 'kerasprune\[search\]'"):
        run(dense)
