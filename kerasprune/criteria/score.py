"""Scores for the channels of a model."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError, OptionError, accepted, quiet
from kerasprune.criteria.criterion import CRITERIA
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import Opened


def score(
    model: keras.Model,
    graph: ChannelGraph,
    criterion: str | Callable[[Evidence], np.ndarray] = "magnitude",
    data: Any = None,
    *,
    loss: Any = None,
    batch_size: int = 32,
    limit: int | None = None,
    seed: int = 0,
    progress: bool = False,
    **options,
) -> np.ndarray:
    """Say how much every channel is worth.

    Args:
        model: The model; it is only read.
        graph: Its trace.
        criterion: The name of a registered criterion, an object of its class, or any callable that takes an
            `Evidence` and returns one number per id.
        data: For criteria that run the model: arrays, lists or frames `x`, `(x, y)` or `(x, y, sample_weight)`, a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, a `DataLoader` or any iterable of batches; what a generator
            yields is held.
        loss: For criteria that need one: a name, a `keras.losses.Loss`, a callable, or a structure of these for
            several outputs. By default the loss that the model is compiled with, or, with a warning, the one that its
            outputs and the labels ask for.
        batch_size: Samples that are run together.
        limit: Samples that are used at most; data without an end needs it.
        seed: For what is drawn at random; the same seed gives the same scores.
        progress: Whether to show a progress bar.
        **options: The options of the criterion that is called by name.

    Returns:
        float (num_ids,), higher = more worth keeping. +inf says "stays": for id 0, for every frozen id, and for
        channels about which the criterion finds no evidence.

    Raises:
        DataError: Weights, activations or scores are not finite, or the data does not fit.
        OptionError: There is no such criterion, or it has no such option.

    Example:

    >>> scores = score(model, graph, "taylor", data=(x, y), loss="sparse_categorical_crossentropy")
    >>> scores.shape == (graph.num_ids,)
    True
    """
    judge = resolve(criterion, options)
    sampling = Sampling(data, loss, batch_size, limit, seed, progress)  # before any work
    return judged(Opened.of(model, graph), judge, sampling)


@quiet("tensorflow", "retracing")
def judged(opened: Opened, judge: Callable[[Evidence], np.ndarray], sampling: Sampling) -> np.ndarray:
    """As `score`, of a model that was opened before.

    Args:
        opened: The model.
        judge: The criterion.
        sampling: Data and loss.

    Raises:
        DataError: As there.
    """
    graph, runs, name = opened.graph, opened.runs, getattr(judge, "__name__", type(judge).__name__)
    scores = np.asarray(judge(Evidence(runs.flat, runs.graph, sampling)))
    if scores.shape != (graph.num_ids,) or scores.dtype.kind not in "fiub":
        raise DataError(
            f"A criterion must return one number per channel id, shape ({graph.num_ids},). "
            f"{name} returned {scores.dtype} of shape {scores.shape}."
        )
    scores = scores.astype(float)
    for group in graph.free_groups:
        if np.isnan(scores[group.ids]).any():
            raise DataError(f"{name} gives NaN for channels of {group.name!r}. Check its weights and the data.")
    scores[graph.frozen] = np.inf
    return scores


def resolve(criterion: str | Callable, options: Mapping[str, Any] | None = None) -> Callable[[Evidence], np.ndarray]:
    """The criterion of a name, with these options, or the callable itself, which brings its own."""
    options = options or {}
    if isinstance(criterion, str):
        made = CRITERIA[criterion]
        return made(**accepted(options, made, f"The criterion {criterion!r}"))
    if not callable(criterion):
        raise OptionError(f"`criterion` must be a name ({', '.join(CRITERIA)}) or a callable. Received: {criterion!r}.")
    if options:
        raise OptionError(
            f"Options go with the name of a criterion; give them to the object itself. Received: {', '.join(options)}."
        )
    return criterion
