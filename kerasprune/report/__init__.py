"""What compression did to a model, and what a sparse model has learned, in numbers, words and pictures."""

from kerasprune.report.change import Change, LayerChange
from kerasprune.report.explain import Explanation, Pathway, Symmetry, explain
from kerasprune.report.plots import PLOTS, plot
from kerasprune.report.report import Report, Step
from kerasprune.report.trajectory import Removal, Trajectory, plot_gain_curves, plot_trajectories

__all__ = [
    "PLOTS",
    "Change",
    "Explanation",
    "LayerChange",
    "Pathway",
    "Removal",
    "Report",
    "Step",
    "Symmetry",
    "Trajectory",
    "explain",
    "plot",
    "plot_gain_curves",
    "plot_trajectories",
]
