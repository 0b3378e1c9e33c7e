import numpy as np
import pytest

from kerasprune.core import BudgetError
from kerasprune.selection import Budget, select
from kerasprune.strategies import compress
from tests.hand_graphs import dense_chain


@pytest.mark.parametrize("value", [0, -0.5, float("nan"), float("inf"), "0.5", True])
def test_a_limit_that_is_no_positive_number_is_refused_with_its_value(value):
    with pytest.raises(BudgetError, match=r"`flops` must be in \(0, 1\].*Received: flops="):
        Budget(flops=value)


def test_a_budget_without_a_limit_is_refused():
    with pytest.raises(BudgetError, match="at least one limit"):
        Budget()


def test_a_number_up_to_one_is_a_fraction_and_above_one_is_absolute():
    graph = dense_chain(6, 3)  # 4*6 + 6 + 6*3 + 3 parameters, 4*6 + 6*3 MACs, 9 channels
    assert Budget(params=0.5, flops=1.0, channels=7).limits(graph) == {"params": 25.5, "flops": 42, "channels": 7}


def test_a_budget_reads_as_a_sentence():
    assert str(Budget(params=100_000, flops=0.5)) == "params <= 100,000, flops <= 50 %"


def test_a_misspelt_limit_is_refused_with_those_that_there_are():
    with pytest.raises(
        BudgetError, match=r"no limit 'flop'; there are channels, flops, params, latency. Received: flop=0.5"
    ):
        Budget(flop=0.5)


@pytest.mark.parametrize(
    ("given", "write"),
    [
        (0.5, r"Received: 0.5. Write Budget\(flops=0.5\)"),
        ({"flops": 0.5}, r"Received: {'flops': 0.5}. Write Budget\(flops=0.5\)"),
        (None, r"Received: None. Write Budget\(flops=0.5\)"),
    ],
)
def test_something_else_than_a_budget_is_told_what_to_write(given, write):
    graph = dense_chain(6, 3)
    with pytest.raises(BudgetError, match=write):
        select(graph, np.zeros(graph.num_ids), given)
    with pytest.raises(BudgetError, match=write):
        compress(None, given)


def test_budgets_with_the_same_limits_are_equal():
    assert Budget(flops=0.5) == Budget(flops=0.5, params=None) != Budget(flops=0.4)
    assert repr(Budget(flops=0.5)) == "Budget(flops=0.5)"


@pytest.mark.parametrize("latency", ["fast", "0 ms", "-1 ms", "3", "1..2 ms", ""])
def test_a_latency_in_words_has_a_number_and_a_unit(latency):
    with pytest.raises(BudgetError, match=r"'0\.2 ms'"):
        Budget(latency=latency)


@pytest.mark.parametrize(
    ("latency", "fraction"), [(0.5, 0.5), ("0.5 ms", 0.25), ("250us", 0.125), (1.5, 0.75), (8, 1.0)]
)
def test_a_latency_becomes_a_fraction_of_what_the_model_takes(latency, fraction):
    assert Budget(latency=latency, flops=0.3).with_latency(2.0) == Budget(latency=fraction, flops=0.3)


def test_no_graph_tells_a_latency():
    with pytest.raises(BudgetError, match="`compress`"):
        Budget(latency=0.5).limits(dense_chain(4, 3))
