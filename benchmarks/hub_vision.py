"""The vision backbones of KerasHub, built small with random weights, by name."""

from benchmarks.hub_convolutions import CONVOLUTIONS
from benchmarks.hub_transformers import TRANSFORMERS

VISION = dict(sorted({**CONVOLUTIONS, **TRANSFORMERS}.items()))
