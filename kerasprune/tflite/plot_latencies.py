"""A picture of a benchmark."""

import os

from kerasprune.core import atomic_path
from kerasprune.tflite.latency import BenchmarkResult


def plot_latencies(result: BenchmarkResult, path: str | os.PathLike) -> None:
    """Draw the median of every file as a bar, with a line from its fastest run to the slowest of nine in ten.

    Args:
        result: What `benchmark` returned.
        path: The picture, in any format of matplotlib; replaced only by a whole one.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (only who draws pays for it)

    figure = Figure(figsize=(7, 1.2 + 0.5 * len(result.files)), layout="constrained")
    axes = figure.subplots()
    for place, latency in enumerate(result.files):
        low, high = latency.median_ms - latency.min_ms, latency.p90_ms - latency.median_ms
        axes.barh(place, latency.median_ms, xerr=[[low], [high]], capsize=3)
    axes.set(yticks=range(len(result.files)), yticklabels=[each.path.name for each in result.files])
    axes.set(xlabel=f"milliseconds, {result.threads} thread(s)", title=str(result.processor))
    axes.title.set_fontsize("small")
    axes.invert_yaxis()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)
