"""`evaluate`: how good a Keras model or a TFLite file is on labelled data."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, batches
from kerasprune.evidence import Sampling
from kerasprune.evidence.quality import Quality
from kerasprune.files import load_model
from kerasprune.graph import Opened
from kerasprune.tflite import Runner, quality_of


def evaluate(
    model: keras.Model | str | os.PathLike,
    data: Any,
    *,
    like: keras.Model | None = None,
    loss: Any = None,
    limit: int | None = None,
    threads: int = 1,
) -> dict[str, float]:
    """Measure a model or a file by labels, as `compress` judges what it makes.

    Args:
        model: A Keras model, or the path of a `.keras` or `.tflite` file.
        data: Inputs with labels: any of the data kinds of kerasprune. A `.tflite` file takes its inputs in its own
            order, or by their names; a quantized input takes real numbers.
        like: For a `.tflite` file, the Keras model that it was made from: its outputs are called and judged as those
            are, by the loss and the metrics that the model is compiled with.
        loss: Of the kinds that `compile` takes; None for the model's own, or the one that outputs and labels ask for.
        limit: Samples that are used at most; None for all.
        threads: Of the interpreter, for a `.tflite` file.

    Returns:
        "loss" and every metric by its name: those that the model is compiled with, else those that outputs and labels
        ask for, such as "accuracy".

    Raises:
        DataError: The data is empty, has no labels, or does not fit.
        ModelFileError: The file is missing, damaged or no model.

    Example:

    >>> labels = np.arange(16) % 3
    >>> sorted(evaluate("dense.tflite", (samples, labels)))
    ['accuracy', 'loss']
    >>> sorted(evaluate(dense, (samples, labels)))
    ['accuracy', 'loss']
    """
    if isinstance(model, keras.Model) or Path(model).suffix != ".tflite":
        opened = Opened.of(model if isinstance(model, keras.Model) else load_model(model)).runs
        sampling = Sampling(data, loss, limit=limit)
        return Quality(opened.flat, sampling)(opened.copy())
    runner = Runner(model, threads)
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in runner.outputs}
    labels, weights = [], []
    for batch in batches(data, 256, limit=limit):
        if batch.y is None:
            raise DataError("This needs labels, and the data has none. Pass data=(x, y).")
        x = list(batch.x) if isinstance(batch.x, tuple) else batch.x
        for name, array in runner(x).items():
            outputs[name].append(array)
        labels.append(batch.y)
        weights.append(batch.sample_weight)
    arrays = {name: np.concatenate(pieces) for name, pieces in outputs.items()}
    return quality_of(arrays, _joined(labels), None if weights[0] is None else _joined(weights), like, loss)


def _joined(pieces: list) -> Any:
    return keras.tree.map_structure(lambda *leaves: np.concatenate(leaves), *pieces)
