"""Gradual magnitude pruning inside `fit`."""

import keras

from kerasprune.core import OptionError
from kerasprune.sparse.magnitude_weights import MagnitudeWeights
from kerasprune.sparse.method import sparsifier


@sparsifier("magnitude")
def magnitude(model: keras.Model, kept: int | None, steps: int | None, seed: int, **options) -> MagnitudeWeights:
    """Keep the largest weights over all layers, along a cubic curve; see `MagnitudeWeights`.

    Raises:
        OptionError: There is no target, or no number of steps.
    """
    if kept is None or steps is None:
        raise OptionError(
            "The method 'magnitude' needs a target and the length of training. Pass `sparsity=` or `weights=`, and "
            f"`steps=` (epochs times batches per epoch). Received: steps={steps}."
        )
    return MagnitudeWeights(model, kept, steps, seed=seed, **options)
