"""What a compression did to a model, in numbers, words and pictures."""

from kerasprune.report.change import Change, LayerChange, Measured
from kerasprune.report.report import Report, Step
from kerasprune.report.timed import Timed
from kerasprune.report.trajectory import Removal, Trajectory, plot_gain_curves, plot_trajectories

__all__ = [
    "Change",
    "LayerChange",
    "Measured",
    "Removal",
    "Report",
    "Step",
    "Timed",
    "Trajectory",
    "plot_gain_curves",
    "plot_trajectories",
]
