"""A copy of a model whose channels go and come back, with nothing built or traced anew."""

import keras
import numpy as np

from kerasprune.core import silence
from kerasprune.evidence.reads import at_reads
from kerasprune.graph import Opened, Read, Rebuild, compile_like, operations
from kerasprune.slimming.neuron_mask import NeuronMask


class Switched:
    """The masked model of any keep: a `NeuronMask` stands at every read, and what layers read inside are their weights.

    Args:
        opened: The model; it is not touched.

    Attributes:
        model: The copy, compiled like the model.

    Example:

    >>> from kerasprune.graph import Opened
    >>> switched = Switched(Opened.of(model))
    >>> switched.keep(keep)
    >>> np.allclose(switched.model.predict(x, verbose=0), small.predict(x, verbose=0), atol=1e-5)
    True
    """

    def __init__(self, opened: Opened):
        self.graph = opened.runs.graph
        self.masks: list[tuple[NeuronMask, np.ndarray]] = []
        self.model = Rebuild(self.graph).run(opened.runs.flat, at_reads(self._switch))
        compile_like(self.model, opened.runs.flat)
        found = operations(self.model)
        inside = [weight for weight in self.graph.weights if weight.inner]
        places = [(weight, found[weight.layer].weights[weight.index]) for weight in inside]
        self.inside = [(weight, place, np.array(keras.ops.convert_to_numpy(place))) for weight, place in places]

    def keep(self, keep: np.ndarray) -> None:
        """Let the copy compute what the model without some channels does.

        Args:
            keep: bool (num_ids,), True = stays.
        """
        keep = self.graph.complete(keep)
        for mask, labels in self.masks:
            mask.keep = keep[labels]
        for weight, place, value in self.inside:
            place.assign(silence(value, weight.axes, weight.inner, keep))

    def _switch(self, read: Read) -> keras.KerasTensor:
        if self.graph.frozen[read.labels].all():
            return read.tensor
        mask = NeuronMask(axis=read.axis)
        self.masks.append((mask, read.labels))
        return mask(read.tensor)
