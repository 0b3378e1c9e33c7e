"""Ranking the channels anew while the model trains."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, GraphError, OptionError
from kerasprune.criteria import score
from kerasprune.gates.channel_gate import ChannelGate
from kerasprune.gates.open_gates import gated_ids, without_gates
from kerasprune.gates.placed_gates import Placed, find_placed, opened_plainly, placed_gates
from kerasprune.graph import Rebuild, layers_inside, operations, trace
from kerasprune.slimming import NeuronMask, masked_ids, set_masks


class Rerank(keras.callbacks.Callback):
    """Ranks channels by a criterion at the start of epochs: of gates, for the kind "gradual", and of masks.

    Gates get the ranking as their evidence. Masks keep as many channels of every group as before, the best ones now, so
    channels come back. All that it changes are weights of gates and masks, so a run that is killed and continued with
    `keras.callbacks.BackupAndRestore` ends like one that was not.

    Args:
        criterion: As in `score`.
        data: As there.
        every: Number of epochs from one ranking to the next.
        **options: As in `score`: `loss`, `batch_size`, `limit`, `seed`, and the options of the criterion.

    Raises:
        OptionError: `every` is not at least 1.
        GraphError: The model has neither gates nor masks.

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
        self.placed: Placed | None = None

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self.every:
            return
        inside = layers_inside(self.model)
        built_in = [layer for layer in inside if isinstance(layer, ChannelGate) and layer.costs is not None]
        if built_in:
            plain = without_gates(self.model)
            graph = trace(plain)
            built_in[0].set_evidence(self._scores(plain, graph)[gated_ids(built_in[0], graph)])
        elif placed_gates(self.model):
            self.placed = self.placed or find_placed(self.model)
            placed = replace(self.placed, model=opened_plainly(self.model))
            placed.rank(self.criterion, self.data, **self._options())
        elif any(isinstance(layer, NeuronMask) for layer in inside):
            self._rank_masks()
        else:
            raise GraphError(
                f"{self.model.name!r} has neither gates nor masks. Use `gate`, `mask` or `kerasprune.layers`."
            )

    def _rank_masks(self) -> None:
        graph = trace(self.model)
        scores = self._scores(_open_copy(self.model, graph), graph)
        gone = np.zeros(graph.num_ids, bool)
        found = operations(self.model)
        for path, ids in masked_ids(self.model, graph).items():
            gone[ids[~found[path].keep]] = True
        keep = ~gone
        for group in graph.free_groups:
            order = group.ids[np.argsort(scores[group.ids], kind="stable")]
            keep[order] = np.arange(group.width) >= np.count_nonzero(gone[group.ids])
        set_masks(self.model, keep, graph)

    def _scores(self, plain: keras.Model, graph: ChannelGraph) -> np.ndarray:
        return score(plain, graph, self.criterion, self.data, **self._options())

    def _options(self) -> dict:
        loss = {"loss": getattr(self.model, "loss", None)} if self.data is not None else {}
        return {**loss, **self.options}


def _open_copy(model: keras.Model, graph: ChannelGraph) -> keras.Model:
    """The model as it is while all its masks are open."""
    copy = Rebuild(graph).run(model)
    for layer in layers_inside(copy):
        if isinstance(layer, NeuronMask):
            layer.keep = np.ones(layer.factor.shape, bool)
    return copy
