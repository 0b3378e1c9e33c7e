"""The criteria by name."""

from kerasprune.core import Registry

CRITERIA = Registry("criterion")

criterion = CRITERIA.register
