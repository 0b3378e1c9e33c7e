"""The loss of a model under weights that change from one look to the next."""

import keras
import numpy as np

from kerasprune.evidence.chosen_loss import find_loss
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.sampling import Sampling, filled
from kerasprune.evidence.tally import Tally
from kerasprune.graph import as_inputs, as_outputs, functional


class Weighing:
    """Measures the loss of a model as it is now, in inference mode; other weights need no new compilation.

    Args:
        model: The model, whose layers stop to be trainable: a copy that nobody else needs.
        sampling: The data, and the loss where one is given.

    Raises:
        DataError: There is no loss, or the data has no labels.
    """

    def __init__(self, model: keras.Model, sampling: Sampling):
        graph = functional(model)
        self.model = keras.Model(as_inputs(model, graph.inputs), as_outputs(model, graph.outputs))  # of no other class
        self.sampling = sampling
        chosen = find_loss(model, sampling)
        self.terms = LossTerms(model, chosen)
        self.model.trainable = False  # regularizers are no part of what a sample adds
        self.model.compile(loss=chosen.loss, loss_weights=chosen.weights)

    def loss(self) -> float:
        """The mean loss of a sample.

        Raises:
            DataError: The data does not fit, or has no labels.
        """
        total, samples = 0.0, 0
        fixed = functional(self.model).inputs[0].shape[0]
        for batch in self.sampling.feed(self.model, self.terms):
            whole = batch if fixed is None else filled(batch, fixed)
            total += batch.size * float(self.model.test_on_batch(*whole, return_dict=True)["loss"])
            samples += batch.size
        return total / samples

    def value(self, metric: keras.metrics.Metric) -> float:
        """A metric of the first output that has a loss, over all samples; of several numbers the mean.

        Args:
            metric: A metric of Keras; what it has seen before is forgotten.

        Raises:
            DataError: As in `loss`.
        """
        tally, fixed = Tally(metric, 1), functional(self.model).inputs[0].shape[0]
        for batch in self.sampling.feed(self.model, self.terms):
            whole = batch if fixed is None else filled(batch, fixed)
            outputs = keras.tree.flatten(self.model.predict_on_batch(whole.x))
            term = self.terms.of(batch)[0]
            tally.add(0, term.label, np.asarray(outputs[term.place])[: batch.size])
        return float(tally.values()[0])
