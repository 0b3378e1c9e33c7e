"""Random models over every supported layer, with random weights and random keeps.

A model is grown from its inputs: again and again one of the tensors made so far is taken and one of the growths that
fit its rank is applied to it. All choices come from a `pick` function, so that Hypothesis can drive (and shrink) them
and a plain random generator can drive thousands of models in a row.
"""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from tests.laws import (  # noqa: F401  (they register themselves)
    growths_attention,
    growths_layers,
    growths_operations,
    growths_own,
    growths_recurrent,
)
from tests.laws.growth import GROWTHS, Pick

layers = keras.layers


def random_model(pick: Pick, max_steps: int = 8, behind: Callable = lambda tensor: tensor) -> keras.Model:
    """A model of one or two inputs, up to `max_steps` growths and one to three outputs; `behind` follows a growth."""
    pool = [_input(pick) for _ in range(pick((1, 1, 1, 2)))]
    inputs = list(pool)
    for _ in range(pick(range(2, max_steps + 1))):
        tensor = pool[pick(range(max(0, len(pool) - 3), len(pool)))]
        pool.append(behind(pick(GROWTHS[len(tensor.shape)])(pick, pool, tensor)))
    outputs = [_head(pick, tensor) for tensor in pool[len(inputs) :][-pick((1, 1, 2, 3)) :]]
    if pick((False, False, False, True)):
        outputs.append(inputs[0])
    return keras.Model(inputs, outputs)


def randomize(model: keras.Model, rng: np.random.Generator) -> None:
    """Weights at which no layer explodes, no statistic is trivial and every bias counts."""
    for variable in model.weights:
        shape, kind = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        if kind in ("moving_variance", "gamma", "scale"):
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) >= 2:
            value = rng.standard_normal(shape) / np.sqrt(max(np.prod(shape[:-1]), 1))
        else:
            value = 0.3 * rng.standard_normal(shape)
        variable.assign(value.astype("float32"))


def random_keep(graph: ChannelGraph, rng: np.random.Generator) -> np.ndarray:
    """A valid keep: at least one id of every group, each of the others with a probability drawn once."""
    keep = rng.random(graph.num_ids) < rng.choice([0.2, 0.5, 0.8])
    for group in graph.groups:
        if not keep[group.ids].any():
            keep[rng.choice(group.ids)] = True
    return keep


def from_generator(rng: np.random.Generator) -> Pick:
    """A `pick` that draws from a numpy generator."""
    return lambda options: options[int(rng.integers(len(options)))]


def _input(pick):
    shape = pick([(5,), (6, 3), (6, 6, 3), (4, 4, 4, 2)])
    return keras.Input((*shape[:-1], pick((1, *shape[-1:]))))


def _head(pick, tensor):
    kind = pick(("dense", "flat dense", "as it is"))
    if kind == "as it is":
        return tensor
    if kind == "flat dense":
        tensor = layers.Flatten()(tensor)
    return layers.Dense(pick((1, 3)), activation=pick(("linear", "softmax")))(tensor)
