"""Layers and wrappers that one places by hand: masks and gates on channels, and gates on single weights.

Example:

>>> from keras import layers
>>> x = keras.Input((4,))
>>> h = GumbelGate()(layers.Dense(8, activation="relu")(x))
>>> keras.Model(x, Sparse(layers.Dense(2))(h)).output_shape
(None, 2)
"""

from kerasprune.gates import Gated, GradualGate, GumbelGate, HardConcreteGate
from kerasprune.slimming import NeuronMask
from kerasprune.sparse import Sparse

__all__ = ["Gated", "GradualGate", "GumbelGate", "HardConcreteGate", "NeuronMask", "Sparse"]
