"""Weights that are zero left out of the file."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.recipes.recipe import Recipe, register


@register("sparse")
@dataclass(frozen=True)
class SparseEncoding(Recipe):
    """Kernels with many zeros in sparse encoding, float32 otherwise: what `sparsify` or pruning of weights has left.

    The file shrinks with the zeros; whether it is faster is measured when it is made, and said: most kernels of the
    runtime unpack the weights when the file is loaded, and compute as for a dense one. Kernels that are dense, or
    nearly, stay as they are.

    Tolerance: 1e-4 relative to the output, as for float32.
    """

    beside: ClassVar[str] = "float32"

    def configure(self, converter, samples, batch_size):
        """Ask for sparse encoding."""
        import tensorflow as tf  # noqa: PLC0415

        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
