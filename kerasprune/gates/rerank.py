"""Ranking the channels anew while the model trains."""

from collections.abc import Callable
from typing import Any

import keras

from kerasprune.core import OptionError
from kerasprune.criteria import score
from kerasprune.gates.strip_gates import gated_ids, strip_gates
from kerasprune.graph import trace


class Rerank(keras.callbacks.Callback):
    """Gives the gates of a gated model evidence from a criterion at the start of epochs, for the kind "gradual".

    All that it changes are weights of the gates, so a run that is killed and continued with
    `keras.callbacks.BackupAndRestore` ends like one that was not.

    Args:
        criterion: As in `score`.
        data: As there.
        every: Number of epochs from one ranking to the next.
        **options: As in `score`: `loss`, `batch_size`, `limit`, `seed`, and the options of the criterion.

    Example:

    >>> gated = gate(model, "gradual", budget=Budget(flops=0.5))
    >>> gated.compile("adam", "sparse_categorical_crossentropy")
    >>> history = gated.fit(x, y, epochs=2, verbose=0, callbacks=[Rerank("taylor", data=(x, y))])
    """

    def __init__(self, criterion: str | Callable = "magnitude", data: Any = None, every: int = 1, **options):
        super().__init__()
        if every < 1:
            raise OptionError(f"`every` must be at least 1. Received: every={every}.")
        self.criterion, self.data, self.every, self.options = criterion, data, every, options

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self.every:
            return
        gates = self.model.gates
        plain = strip_gates(self.model)
        graph = trace(plain)
        options = {"loss": getattr(self.model, "loss", None), **self.options} if self.data is not None else self.options
        scores = score(plain, graph, self.criterion, self.data, **options)
        gates.set_evidence(scores[gated_ids(gates, graph)])
