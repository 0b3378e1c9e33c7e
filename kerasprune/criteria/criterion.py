"""The criteria by name."""

from collections.abc import Callable

import numpy as np

from kerasprune.core import Registry

CRITERIA = Registry("criterion")

criterion = CRITERIA.register

# From a gain, float (num_ids,) with 0 for what is gone, to scores, float (num_ids,).
Ranking = Callable[[np.ndarray], np.ndarray]
