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
    return polynomial(final, progress, exponent=3)


@SCHEDULES.register("polynomial")
def polynomial(final: float, progress: float, exponent: float = 3) -> float:
    """As cubic, with any exponent: the larger it is, the more is removed early; with 1 it is linear.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017: `s_t = s_f + (s_i - s_f) * (1 - t) ** n`, `s` the share removed.
    """
    return 1 - (1 - final) * (1 - (1 - progress) ** exponent)


@SCHEDULES.register("constant")
def constant(final: float, progress: float) -> float:
    """All is removed in the first step."""
    return final + 0 * progress


@SCHEDULES.register("stepwise")
def stepwise(final: float, progress: float, stairs: int = 4) -> float:
    """The same amount goes at each of `stairs` moments: right after the start, then at equal distances."""
    return 1 - (1 - final) * (-(-progress * stairs // 1) / stairs)
