"""A search that can be killed: `python -m tests.strategies.interrupted NAME FILE.npz RESULT.npz [KILLED_IN]`."""

import os
import signal
import sys

import numpy as np

import kerasprune as kp
from kerasprune.strategies import (
    GroupLasso,
    GrowingRegularization,
    LotteryTicket,
    TrainPruneRetrain,
    TryAndLearn,
)
from tests.strategies.tasks import fit, network, points

STRATEGIES = {
    "channels": lambda path: LotteryTicket(steps=2, path=path),
    "weights": lambda path: LotteryTicket(of="weights", steps=2, step=3, path=path),
    "group_lasso": lambda path: GroupLasso(path=path),
    "growing_regularization": lambda path: GrowingRegularization(explore=0.01, path=path),
    "retrain": lambda path: TrainPruneRetrain(steps=2, path=path),
    "agents": lambda path: TryAndLearn(drop=2.0, steps=2, trials=2, start=0.5, path=path),
}


def search(name: str, path, killed_in: int | None = None, end=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    """One run.

    Args:
        name: Of the strategy.
        path: Where it is kept.
        killed_in: The number of the training in the middle of which it ends; None for no such end.
        end: How it ends.

    Returns:
        The result, and the number of trainings.
    """
    count = 0

    def train(model, **span):
        nonlocal count
        count += 1
        fit(model, 1)
        if count == killed_in:
            end()
        fit(model, 1)

    strategy = STRATEGIES[name](path)
    result = kp.compress(network(dropout=0.2), kp.Budget(params=0.5), "magnitude", strategy, points(), train, seed=4)
    return result, count


if __name__ == "__main__":
    name, path, target, *killed_in = sys.argv[1:]
    found, trainings = search(name, path, *map(int, killed_in))
    np.savez(target, trainings, *found.model.get_weights())
