"""Gates on single weights, trained with them."""

import keras

from kerasprune.core import OptionError
from kerasprune.sparse.budgeted_gumbel_weights import BudgetedGumbelWeights
from kerasprune.sparse.gumbel_weights import GumbelWeights
from kerasprune.sparse.method import sparsifier
from kerasprune.sparse.sparse_weights import SparseWeights


@sparsifier("gumbel")
def gumbel(model: keras.Model, kept: int | None, steps: int | None, seed: int, **options) -> SparseWeights:
    """Gates that meet a target by a schedule, or, without a target, the published method with its penalty.

    See `BudgetedGumbelWeights` and `GumbelWeights` for their options.

    Raises:
        OptionError: There is a target, but no number of steps.
    """
    if kept is None:
        return GumbelWeights(model, seed=seed, **options)
    if steps is None:
        raise OptionError(
            "The target is reached by a schedule, which needs the length of training: pass `steps=` (epochs times "
            "batches per epoch). Without a target, the published penalty needs no schedule."
        )
    return BudgetedGumbelWeights(model, kept, steps, seed=seed, **options)
