"""What each kind of layer does to channels: one file per behaviour; importing this package registers them all."""

from kerasprune.graph.rules import (
    attention,
    channelwise,
    convolution,
    dense,
    join,
    move,
    normalization,
    recurrent,
    reduction,
    wrapper,
)

__all__ = [
    "attention",
    "channelwise",
    "convolution",
    "dense",
    "join",
    "move",
    "normalization",
    "recurrent",
    "reduction",
    "wrapper",
]
