"""What a compression did to a model, in numbers, words and pictures."""

from kerasprune.report import pictures  # noqa: F401  (importing the pictures registers them)
from kerasprune.report.change import Change, LayerChange, Measured
from kerasprune.report.exported_file import ExportedFile
from kerasprune.report.report import Report
from kerasprune.report.step import Step
from kerasprune.report.trajectory import Removal, Trajectory, plot_gain_curves, plot_trajectories

__all__ = [
    "Change",
    "ExportedFile",
    "LayerChange",
    "Measured",
    "Removal",
    "Report",
    "Step",
    "Trajectory",
    "plot_gain_curves",
    "plot_trajectories",
]
