"""The ways to make weights zero, by name."""

from kerasprune.core import Registry

# From the model, the number of weights that shall be left (or None), the number of training steps (or None), the seed
# and options by name to the layer around the model, a `SparseWeights`.
METHODS = Registry("sparsify method")

sparsifier = METHODS.register
