"""Law 9: what `evaluate` accepts as data and loss, we accept, and our mean loss is its loss."""

import pytest

from tests.laws.random_losses import check_loss

# `python -m benchmarks.random_losses` tries thousands.
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_our_mean_loss_and_the_oracle_are_those_of_evaluate(seed):
    if not check_loss(seed):
        pytest.skip("`evaluate` refuses this draw")
