"""The strategies by name."""

from kerasprune.core import Registry

STRATEGIES = Registry("strategy")

strategy = STRATEGIES.register
