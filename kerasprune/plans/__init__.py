"""A whole compression as a file: read, checked, run again."""

from kerasprune.plans.plan_file import Plan
from kerasprune.plans.plan_keys import Export
from kerasprune.plans.plan_source import Mistake, PlanSource

__all__ = ["Export", "Mistake", "Plan", "PlanSource"]
