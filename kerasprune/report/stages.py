"""How good a model was on its way through a compression."""

from collections.abc import Sequence

from kerasprune.report.change import Measured
from kerasprune.report.round_step import Step


def stages(measured: Measured, steps: Sequence[Step]) -> list[tuple[str, float]]:
    """One metric of the model, after every stage that was measured, and of the result: each with its name.

    Args:
        measured: The metric before and after.
        steps: The rounds.
    """
    several = sum(bool(step.quality) for step in steps) > 1
    points = [("model", measured.before)]
    for number, step in enumerate(steps, 1):
        for stage, values in step.quality.items():
            if measured.name in values:
                points.append((f"{number}, {stage}" if several else stage, values[measured.name]))
    if len(points) == 1 or points[-1][1] != measured.after:
        points.append(("result", measured.after))
    return points
