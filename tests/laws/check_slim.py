"""The laws of slimming for one model, used by the tests and by the long run in `benchmarks/random_graphs.py`."""

import keras
import numpy as np

import kerasprune as kp
from kerasprune.core import Batch
from kerasprune.evidence import random_inputs
from tests.laws.random_models import random_keep, randomize

TOLERANCE = 1e-5  # of the output's scale
# An odd batch that no axis of the random models has: on TensorFlow, `keras.ops.add` takes a second argument with one
# long axis for a bias as soon as that axis is as long as the first argument's last or second one.
BATCH = 11


def assert_slims_right(model: keras.Model, rng: np.random.Generator, tolerance: float = TOLERANCE) -> float:
    """Give the model random weights and cut it by a random keep: masked equals slim, and the costs are as predicted.

    Returns:
        The share of the channels that could be removed.
    """
    randomize(model, rng)
    graph = kp.trace(model)
    keep = random_keep(graph, rng)
    small = kp.slim(model, graph, keep)
    inputs = random_inputs(model, graph, int(rng.integers(1 << 30)), batch_size=BATCH)
    kp.verify(model, graph, keep, small, [Batch(inputs)], tolerance=tolerance)
    complete = graph.complete(keep)
    assert small.count_params() == graph.params(complete)
    assert kp.trace(small).macs() == graph.macs(complete)
    return sum(group.width for group in graph.free_groups) / max(graph.num_ids - 1, 1)
