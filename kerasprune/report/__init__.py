"""What compression did to a model, in numbers and in words."""

from kerasprune.report.change import Change, LayerChange
from kerasprune.report.report import Report, Step

__all__ = ["Change", "LayerChange", "Report", "Step"]
