"""Randomness of a training that is the same whether the run before it was interrupted or not."""

import keras
import numpy as np


def fix_seeds(*numbers: int) -> None:
    """Set the seeds of Python, numpy and the backend, from which shuffling and the seeds of new layers follow.

    Args:
        *numbers: Of which the seeds are made: that of the run and that of the step.
    """
    keras.utils.set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
