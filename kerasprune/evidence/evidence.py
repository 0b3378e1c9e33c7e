"""What a criterion is given to judge by."""

import functools
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError, WeightLabels
from kerasprune.evidence.chosen_loss import ChosenLoss
from kerasprune.evidence.probe import Probe
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import operations


@dataclass(frozen=True, eq=False)
class Evidence:
    """A model, its graph, and data to run it on.

    Attributes:
        model: The model to judge; a criterion only reads it.
        graph: Its channels.
        sampling: Data and loss, and how the model is run on them.
    """

    model: keras.Model
    graph: ChannelGraph
    sampling: Sampling = Sampling()

    @property
    def data(self) -> Any:
        """The data, or None."""
        return self.sampling.data

    @property
    def loss(self) -> Any:
        """The loss to judge by; None for the model's own."""
        loss = self.sampling.loss
        return loss.loss if isinstance(loss, ChosenLoss) else loss

    @property
    def batch_size(self) -> int:
        """Samples that are run together."""
        return self.sampling.batch_size

    @property
    def limit(self) -> int | None:
        """Samples that are used at most; None for all."""
        return self.sampling.limit

    @property
    def seed(self) -> int:
        """For what is drawn at random."""
        return self.sampling.seed

    @property
    def progress(self) -> bool:
        """Whether to show a progress bar."""
        return self.sampling.progress

    @functools.cached_property
    def layers(self) -> dict[str, keras.Operation]:
        """The model's layers and operations by path."""
        return operations(self.model)

    @functools.cached_property
    def probe(self) -> Probe:
        """Runs the model."""
        return Probe(self.model, self.graph, self.sampling)

    def weight(self, labels: WeightLabels) -> np.ndarray:
        """The value of a labelled weight; where the backend can, a view of its memory, which must not be changed."""
        variable = self.layers[labels.layer].weights[labels.index]
        # A slice is a tensor, which turns into an array without a copy; a variable does not.
        return np.asarray(keras.ops.stop_gradient(variable[...]))

    def require_finite(self, labels: WeightLabels, values: np.ndarray) -> None:
        """Check numbers that were computed from a weight, which costs less than to check the weight.

        Raises:
            DataError: They hold NaN or infinity.
        """
        if not np.isfinite(values).all():
            name = self.layers[labels.layer].weights[labels.index].name
            raise DataError(
                f"The weight {name!r} of layer {labels.layer!r} holds NaN or infinity. "
                "Load or train the model again before pruning it."
            )
