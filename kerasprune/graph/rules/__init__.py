"""What each kind of layer does to channels: one file per behaviour; importing this package registers them all."""

from kerasprune.graph.rules import (
    arrange,
    attention,
    channelwise,
    contraction,
    convolution,
    dense,
    join,
    move,
    norms,
    own,
    preprocessing,
    recurrent,
    reductions,
    slicing,
    statistics,
    wrapper,
)

__all__ = [
    "arrange",
    "attention",
    "channelwise",
    "contraction",
    "convolution",
    "dense",
    "join",
    "move",
    "norms",
    "own",
    "preprocessing",
    "recurrent",
    "reductions",
    "slicing",
    "statistics",
    "wrapper",
]
