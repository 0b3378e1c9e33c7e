"""What a compression did to a model, in numbers, words and pictures."""

from kerasprune.report import pictures  # noqa: F401  (importing the pictures registers them)
from kerasprune.report.change import Change, LayerChange, Measured
from kerasprune.report.exported_file import ExportedFile
from kerasprune.report.learning import GroupLearned, Learning
from kerasprune.report.report import Report
from kerasprune.report.round_step import Step
from kerasprune.report.sensitivity_curves import Curve, Sensitivity
from kerasprune.report.timed import Timed
from kerasprune.report.trajectory import Removal, Trajectory, plot_gain_curves, plot_trajectories

__all__ = [
    "Change",
    "Curve",
    "ExportedFile",
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
