"""The scale of the batch normalization behind a channel."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import GraphError
from kerasprune.core.by_id import by_id
from kerasprune.criteria.criterion import criterion
from kerasprune.criteria.normalize import NORMALIZATIONS, normalize
from kerasprune.criteria.reduction import REDUCTIONS, Members
from kerasprune.evidence.evidence import Evidence


@criterion("bn_scale")
@dataclass(frozen=True)
class BatchNormalizationScale:
    """|gamma|: what a network trained with a penalty on its scales says about its channels.

    Channels behind which no batch normalization with a scale stands get +inf: they cannot be compared, and stay.

    Args:
        reduction: How the scales of several normalizations of one channel become one: "sum", "mean" or "max".
        normalization: What each group is divided by. Scales are comparable across layers, so "none".

    Reference:
        Liu et al., Learning Efficient Convolutional Networks through Network Slimming, ICCV 2017.
    """

    reduction: str = "mean"
    normalization: str = "none"

    def __post_init__(self):
        REDUCTIONS[self.reduction], NORMALIZATIONS[self.normalization]

    def __call__(self, evidence: Evidence) -> np.ndarray:
        members = Members(evidence.graph.num_ids, self.reduction)
        for labels in evidence.graph.weights:
            layer = evidence.layers[labels.layer]
            if labels.axes[0] is not None and _is_scale(layer, labels.index):
                scale = np.abs(evidence.weight(labels))
                evidence.require_finite(labels, scale)
                members.add(*by_id(labels.axes[0], scale))
        scores = members.result()
        if np.isposinf(scores[~evidence.graph.frozen]).all():
            raise GraphError(
                "`bn_scale` needs a BatchNormalization layer with scale=True behind channels that can be removed; "
                "this model has none. Use 'magnitude', or a criterion that runs the model."
            )
        return normalize(scores, evidence.graph, self.normalization)


def _is_scale(layer, index: int) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and layer.scale and layer.weights[index] is layer.gamma
