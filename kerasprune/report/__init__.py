"""What a compression did to a model, in numbers, words and pictures."""

from kerasprune.report.change import Change, LayerChange, Measured
from kerasprune.report.learning import GroupLearned, Learning
from kerasprune.report.report import Report, Step
from kerasprune.report.sensitivity_curves import Curve, Sensitivity
from kerasprune.report.timed import Timed
from kerasprune.report.trajectory import Removal, Trajectory, plot_gain_curves, plot_trajectories

__all__ = [
    "Change",
    "Curve",
    "GroupLearned",
    "LayerChange",
    "Learning",
    "Measured",
    "Removal",
    "Report",
    "Sensitivity",
    "Step",
    "Timed",
    "Trajectory",
    "plot_gain_curves",
    "plot_trajectories",
]
