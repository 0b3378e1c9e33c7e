"""How a budget shrinks from step to step, or a number of weights from batch to batch."""

from kerasprune.core.registry import Registry

# From the final fraction kept and the progress in (0, 1] to the fraction kept by then; the last is the final one.
SCHEDULES = Registry("schedule")


@SCHEDULES.register("linear")
def linear(final: float, progress: float) -> float:
    """Every step removes the same amount."""
    return 1 - (1 - final) * progress


@SCHEDULES.register("geometric")
def geometric(final: float, progress: float) -> float:
    """Every step removes the same share of what is left."""
    return final**progress


@SCHEDULES.register("cubic")
def cubic(final: float, progress: float) -> float:
    """Much is removed early, while there is much to choose from, and little late.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017: `s_t = s_f * (1 - (1 - t) ** 3)`, `s` the share removed.
    """
    return 1 - (1 - final) * (1 - (1 - progress) ** 3)
