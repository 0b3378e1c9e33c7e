"""What a criterion is given to judge by."""

import functools
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError, WeightLabels
from kerasprune.evidence.probe import Probe
from kerasprune.graph import operations


@dataclass(frozen=True, eq=False)
class Evidence:
    """A model, its graph, and data to run it on.

    Attributes:
        model: The model to judge; a criterion only reads it.
        graph: Its channels.
        data: Data of any kind that `kerasprune.core.batches` knows, or None.
        loss: A loss of Keras by name or as an object, a callable, or a structure of these; None for the model's own.
        batch_size: Samples that are run together.
        limit: Samples that are used at most; None for all.
        seed: For what is drawn at random.
        progress: Whether to show a progress bar.
    """

    model: keras.Model
    graph: ChannelGraph
    data: Any = None
    loss: Any = None
    batch_size: int = 32
    limit: int | None = None
    seed: int = 0
    progress: bool = False

    @functools.cached_property
    def layers(self) -> dict[str, keras.Operation]:
        """The model's layers and operations by path."""
        return operations(self.model)

    @functools.cached_property
    def probe(self) -> Probe:
        """Runs the model."""
        return Probe(
            self.model,
            self.graph,
            loss=self.loss,
            batch_size=self.batch_size,
            limit=self.limit,
            progress=self.progress,
        )

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
