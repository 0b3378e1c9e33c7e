"""What the readers of a channel lose when it goes and the others repay it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasprune.core import Batch, WeightLabels
from kerasprune.criteria.criterion import Ranking, criterion
from kerasprune.criteria.elimination import ranking_by_elimination
from kerasprune.evidence.evidence import Evidence
from kerasprune.evidence.moments import Moments


@criterion("reconstruction")
@dataclass(frozen=True)
class Reconstruction:
    """The squared error in what the readers of a channel make of their inputs if it went and the others repaid it.

    As `obs`, with the squared error of every reader before its bias and activation function, as a share of the
    variance there, in the place of the loss: greedy selection by the error of reconstruction, in one ranking. Needs
    data without labels, and no loss. A reader whose kernel is not known as such (a product of two tensors) counts
    with the error of the channels themselves. Of the taps of a kernel each counts as if it read another image. A
    channel that nothing reads gets 0; one that is read only inside the layer that makes it, as in attention, gets +inf
    and stays.

    Reference:
        Luo, Wu and Lin, ThiNet, ICCV 2017, section 3.2, for greedy selection, and He, Zhang and Sun, Channel Pruning
        for Accelerating Very Deep Neural Networks, ICCV 2017, for the repayment.
    """

    def __call__(self, evidence: Evidence) -> np.ndarray:
        return self.under_gain(evidence)(np.ones(evidence.graph.num_ids))

    def under_gain(self, evidence: Evidence) -> Ranking:
        """The scores of what a gain has left, from the activations of the whole model."""
        return ranking_by_elimination(evidence, _squared_errors)


def _squared_errors(evidence: Evidence, data: Sequence[Batch], tensors: Sequence[Moments]) -> list[np.ndarray]:
    return [sum(_of_reader(evidence, tensor, reader) for reader in tensor.readers) for tensor in tensors]


def _of_reader(evidence: Evidence, tensor: Moments, reader: str) -> np.ndarray:
    """The squares of a reader's weights, over the variance of what it makes: float (width, width)."""
    products = np.zeros((len(tensor.labels), len(tensor.labels)))
    for weight in evidence.graph.weights:
        for axis in weight.reads if weight.layer == reader else ():
            if _same(weight, axis, tensor.labels):
                value = np.moveaxis(evidence.weight(weight), axis, 0)
                rows = value.reshape(len(tensor.labels), -1).astype(float)
                evidence.require_finite(weight, rows)
                products += rows @ rows.T
    if not products.any():
        products = np.eye(len(tensor.labels))
    variance = float(np.sum(products * tensor.covariance))
    return products / variance if variance > 0 else products


def _same(weight: WeightLabels, axis: int, labels: np.ndarray) -> bool:
    return len(weight.shape) > 1 and axis not in weight.inner and np.array_equal(weight.axes[axis], labels)
