import pytest

from kerasprune.core import BudgetError
from kerasprune.selection import Budget
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
