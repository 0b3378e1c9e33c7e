"""What treats every element alone, of one tensor or of several."""

import keras
import numpy as np

from kerasprune.graph.elementwise import is_elementwise
from kerasprune.graph.follow import Handling, Reading, follows, order

layers = keras.layers


@follows(
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.ReLU,
    "keras.StochasticDepth",
)
def elementwise(reading: Reading) -> Handling | None:
    """Every element for itself."""
    if getattr(reading.operation, "noise_shape", None) is not None:
        return dropout(reading)
    return reading.alike() if reading.layout else None


@follows(layers.Dropout)
def dropout(reading: Reading) -> Handling | None:
    """Every element for itself, or the shape of the noise moves as well."""
    shape = reading.operation.noise_shape
    if not reading.layout:
        return None
    if shape is None:
        return reading.alike()
    return reading.alike({"noise_shape": tuple(shape[axis] for axis in order(reading.layout, reading.rank))})


@follows(layers.Activation)
def activation(reading: Reading) -> Handling | None:
    """A function of every element; any other one may look at a certain axis."""
    return reading.alike() if reading.layout and is_elementwise(reading.operation.activation) else None


@follows(layers.Rescaling)
def rescaling(reading: Reading) -> Handling | None:
    """One factor and one offset for all; several lie along certain axes."""
    single = all(np.size(value) == 1 for value in (reading.operation.scale, reading.operation.offset))
    return reading.alike() if reading.layout and single else None


@follows(
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
    "Add",
    "Divide",
    "Equal",
    "Greater",
    "GreaterEqual",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalOr",
    "Maximum",
    "Minimum",
    "Multiply",
    "NotEqual",
    "Power",
    "Subtract",
    "TrueDivide",
    "Where",
)
def joined(reading: Reading) -> Handling | None:
    """Element by element, of tensors with the same axes; a number beside them has none."""
    same = {len(shape) for shape in reading.shapes} == {reading.rank}
    return reading.alike() if reading.layout and same and not reading.constants else None
