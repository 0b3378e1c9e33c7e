"""How good the outputs of a file are by labels: judged as a Keras model that gives them would be."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasprune.evidence import Sampling
from kerasprune.evidence.quality import Quality
from kerasprune.graph import as_outputs, compile_like


def quality_of(
    outputs: Mapping[str, np.ndarray],
    labels: Any,
    weights: Any = None,
    like: keras.Model | None = None,
    loss: Any = None,
) -> dict[str, float]:
    """The loss, and the metrics that `like` is compiled with, or else those that outputs and labels ask for.

    Args:
        outputs: Output name to array (n, ...).
        labels: As `fit` takes them.
        weights: Of the samples; None for none.
        like: The model whose outputs these are or stand for; None where there is none.
        loss: Of the kinds that `compile` takes; None for that of `like`, or the one that outputs and labels ask for.

    Returns:
        "loss" and every metric by its name.

    Raises:
        DataError: The labels do not fit the outputs.
    """
    inputs = [keras.Input(array.shape[1:], name=f"{name}_given") for name, array in outputs.items()]
    ends = [keras.layers.Identity(name=name)(tensor) for name, tensor in zip(outputs, inputs, strict=True)]
    structure = as_outputs(like, ends) if like is not None else ends if len(ends) > 1 else ends[0]
    judged = keras.Model(inputs, structure)
    if like is not None:
        compile_like(judged, like)
    given = [array.astype("float32") for array in outputs.values()]
    x = given if len(given) > 1 else given[0]
    return Quality(judged, Sampling((x, labels, weights), loss, batch_size=256))(judged)
