"""The figure of `benchmarks.shrinking_experiments`."""

import os
from collections.abc import Mapping

from benchmarks.shrinking_tasks import TASKS


def draw(tasks: Mapping[str, dict], path: str | os.PathLike) -> None:
    """Error or accuracy over the share of neurons removed, criteria side by side, published brute force as crosses.

    Args:
        tasks: The results by task.
        path: The picture.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = min(len(tasks), 4)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, task) in zip(panels, tasks.items(), strict=False):
        measure = TASKS[name].measure
        for criterion, curve in task["curves"].items():
            if "single" not in criterion:
                shares = [100 * place / task["neurons"] for place in range(len(curve[measure]))]
                axes.plot(shares, curve[measure], label=criterion)
        axes.plot(*zip(*TASKS[name].published.items(), strict=True), "kx", label="brute force, published")
        axes.set(title=TASKS[name].title, xlabel="neurons removed (%)", ylabel=measure)
        axes.set_yscale("log" if measure == "error" else "linear")
        axes.grid(alpha=0.3)
    for axes in list(panels):
        axes.axis("off")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=80)
