"""Labelled data in batches of one size, and what the parts of the loss are given of each."""

import inspect
from dataclasses import replace

import keras
import numpy as np

from kerasprune.evidence.chosen_loss import ChosenLoss
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.output_masks import OutputMasks
from kerasprune.evidence.sample_loss import SampleLoss, separable
from kerasprune.evidence.sampling import Sampling, repeated
from kerasprune.graph import align_inputs, functional, layers_inside


class LabelledBatches:
    """Batches of one size, held in memory; what fills up the last one does not count.

    Args:
        model: The model.
        sampling: Data with labels.
        chosen: The loss.
        batch_size: Samples that are run together at most.

    Attributes:
        terms: Finds the parts of the loss.
        batches: The batches.
        size: The size of each.
        samples: How many samples there are.
        losses: The parts of the loss.
        separable: Whether the loss of a batch follows from that of its samples, and layers add nothing to it.

    Raises:
        DataError: The data does not fit.
    """

    def __init__(self, model: keras.Model, sampling: Sampling, chosen: ChosenLoss, batch_size: int):
        self.terms = LossTerms(model, chosen)
        parts = list(replace(sampling, batch_size=batch_size).feed(model, self.terms))
        self.size = max(batch.size for batch in parts)
        self.samples = sum(batch.size for batch in parts)
        self.batches = [repeated(batch, self.size) for batch in parts]
        self.real = [(np.arange(self.size) < batch.size).astype("float32") for batch in parts]
        first = self.terms.of(self.batches[0])
        apart = all(separable(term, functional(model).outputs[term.place]) for term in first)
        self.separable = apart and not adds_losses(model)
        self.masks = OutputMasks(model)
        self.losses = tuple(SampleLoss.of(term, self.masks.masked[term.place]) for term in first)
        self._given: dict[int, list] = {}

    def given(self, number: int) -> list[np.ndarray]:
        """Which samples of a batch are real, the labels of the parts of the loss, their masks and sample weights."""
        if number not in self._given:
            batch = self.batches[number]
            terms, masks = self.terms.of(batch), self.masks.of(batch.x)
            others = [(masks[term.place], term.weight) for term in terms]
            self._given[number] = [
                self.real[number],
                *(term.label for term in terms),
                *(value for pair in others for value in pair if value is not None),
            ]
        return self._given[number]

    def inputs(self, number: int, model: keras.Model) -> list[np.ndarray]:
        """The inputs of a batch, in the order of those of `model`."""
        return align_inputs(self.batches[number].x, model.inputs)


def adds_losses(model: keras.Model) -> bool:
    """Whether layers add to the loss what they compute from activations."""
    return any(
        getattr(layer, "activity_regularizer", None) is not None
        or "add_loss" in getattr(inspect.unwrap(type(layer).call), "__code__", _NO_CODE).co_names
        for layer in layers_inside(model)
    )


_NO_CODE = (lambda: None).__code__
