"""The second-order change of the loss, with second derivatives that are propagated back."""

from dataclasses import dataclass

import numpy as np

from kerasprune.core import DataError
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.criteria.second_order.passes import Passes
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.progress import tracked


@criterion("quadratic")
@dataclass(frozen=True)
class Quadratic:
    """By how much the mean loss would rise, to second order, if a channel read zero.

    For a channel with the values `o` this is `-o * dE/do + 1/2 * o^2 * d2E/do2`, summed over positions and readers and
    averaged over the samples with its sign. The second derivatives are propagated back like the first ones, with
    squared weights: what an entry does to two others at once is left out. That is exact for the layer of neurons before
    the last one if the loss is the mean squared error; before that, and between the positions of a feature map, it is
    an approximation, and "gauss_newton" is closer. It costs about three forward passes, whatever the number of outputs.

    Needs labels, a model with one output, the mean squared error or a cross-entropy, and layers and activations with
    known second derivatives: dense and convolutional layers, pooling, batch normalization, additions, products,
    concatenations and what moves entries. `kerasprune.criteria.second_order.step` teaches it another layer.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465, section 3, second-derivative
        back-propagation.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left."""
        passes = Passes(evidence)
        data = list(passes.batches())

        def scores(gain: np.ndarray) -> np.ndarray:
            total, samples = np.zeros(evidence.graph.num_ids), 0
            for batch in tracked(data, "second derivatives", len(data), evidence.progress):
                total += passes.change(batch, gain)
                samples += batch.size
            if not np.isfinite(total).all():
                raise DataError("The derivatives of the loss hold NaN or infinity. Check weights, data and labels.")
            return total / samples

        return scores
