"""Deciding which channels stay: scores and a budget in, a `keep` out."""

from kerasprune.selection.budget import Budget, require_budget
from kerasprune.selection.queue import RANKINGS
from kerasprune.selection.removals import Pricing, Removals
from kerasprune.selection.select import select
from kerasprune.selection.tiles import tile

__all__ = ["RANKINGS", "Budget", "Pricing", "Removals", "require_budget", "select", "tile"]
