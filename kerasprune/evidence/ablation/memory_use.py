"""How many samples and candidates run together within the memory that is given."""

from collections.abc import Collection

from kerasprune.core import DataError
from kerasprune.evidence.ablation.plan import AblationPlan, size

MEBI = 2**20


def batch_size(plans: Collection[AblationPlan], memory: float, most: int) -> int:
    """Samples that run together, such that one candidate fits.

    Args:
        plans: What runs again for each group.
        memory: Bytes, of which a quarter is for the tensors of one batch, and another one for what runs on them.
        most: At most so many.

    Raises:
        DataError: One sample needs more memory than that.
    """
    crossing = {id(tensor): size(tensor) or 0 for steps in plans for tensor in steps.crossing}
    floats = max([sum(crossing.values()), *(steps.floats or 0 for steps in plans)])
    fitting = int(memory / 4 // (4 * floats)) if floats else most
    if not fitting:
        raise DataError(
            f"The results of one sample take {4 * floats / MEBI:.1f} MiB. Give the oracle at least four times as "
            f"much memory. Received: memory={memory / MEBI:g}."
        )
    return min(most, fitting)


def at_once(steps: AblationPlan, memory: float, samples: int, most: int) -> int:
    """Candidates that run together in a quarter of the memory.

    Args:
        steps: What runs again for each.
        memory: Bytes.
        samples: Samples of a batch.
        most: At most so many; 1 where nobody knows how much they need.
    """
    return 1 if steps.floats is None else max(1, min(most, int(memory / 4 // (4 * steps.floats * samples))))
