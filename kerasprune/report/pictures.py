"""Pictures of a report: what is left of every layer, and how good the model is after every stage."""

import numpy as np

from kerasprune.core import PLOTS
from kerasprune.report.change import Change
from kerasprune.report.report import Report
from kerasprune.report.stages import stages

_COLUMNS = {"channels": "channels", "params": "parameters", "macs": "MACs"}


@PLOTS.register("layers")
def layers(report: Report, figure) -> None:
    """Channels, parameters and multiply-accumulates of every layer, before and after, as bars."""
    figure.set_size_inches(10, max(2.0, 0.8 + 0.26 * len(report.layers)))
    places = np.arange(len(report.layers))
    panels = figure.subplots(1, len(_COLUMNS), sharey=True)
    for axes, (column, words) in zip(panels, _COLUMNS.items(), strict=True):
        changes = [getattr(each, column) or Change(0, 0) for each in report.layers]
        axes.barh(places, [change.before for change in changes], color="#d3ccbf", label="removed")
        axes.barh(places, [change.after for change in changes], color="#0e7490", label="kept")
        axes.set(xlabel=words, yticks=places, yticklabels=[each.name for each in report.layers])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    panels[-1].legend(loc="lower right", frameon=False)


@PLOTS.register("quality")
def quality(report: Report, figure) -> None:
    """Loss and metrics of the model, and after every stage of every round, as lines."""
    panels = np.atleast_1d(figure.subplots(1, max(len(report.quality), 1)))
    figure.set_size_inches(1 + 4 * len(panels), 3.5)
    for axes, measured in zip(panels, report.quality, strict=False):
        names, values = zip(*stages(measured, report.steps), strict=True)
        axes.plot(range(len(values)), values, marker="o", color="#0e7490")
        axes.axhline(measured.before, color="#d3ccbf", linestyle=":", zorder=0)
        axes.set(title=measured.name, xticks=range(len(values)))
        axes.set_xticklabels(names, rotation=45 if len(names) > 4 else 0)
        axes.spines[["top", "right"]].set_visible(False)
    if not report.quality:
        panels[0].set_axis_off()
        panels[0].set_title("nothing was measured: there were no labels")
