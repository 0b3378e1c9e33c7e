"""Models that carry gates of ours, opened: the plain model that one stands for, and what the gates keep of it."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import layers_inside

# From the trace of the plain model to what is kept of it: bool (num_ids,).
Keep = Callable[[ChannelGraph], np.ndarray]


@dataclass(frozen=True, eq=False)
class Opened:
    """A model without the layers that carry its gates.

    Attributes:
        model: The plain model, with the weights as the gates leave them.
        keep: What its gates keep, once it is traced; None where gates do not speak of channels.
    """

    model: keras.Model
    keep: Keep | None = None


OPENERS: dict[type[keras.layers.Layer], Callable[[keras.Model], Opened]] = {}


def opener(layer: type[keras.layers.Layer]) -> Callable:
    """A decorator that teaches `slim` to open models that carry a layer of this class, or of one derived from it."""

    def decorate(function):
        OPENERS[layer] = function
        return function

    return decorate


def find_opener(model: keras.Model) -> Callable[[keras.Model], Opened] | None:
    """What opens the model; None for a plain one."""
    for layer in layers_inside(model):
        for known, function in OPENERS.items():
            if isinstance(layer, known):
                return function
    return None
