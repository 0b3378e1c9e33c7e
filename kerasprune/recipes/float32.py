"""Weights and arithmetic in float32."""

from dataclasses import dataclass

from kerasprune.recipes.recipe import Recipe, register


@register("float32")
@dataclass(frozen=True)
class Float32(Recipe):
    """The model as it is: constants folded, batch norms and activations fused into the layer before.

    Tolerance: 1e-4 relative to the output; only the order of the additions differs from Keras.
    """

    def configure(self, converter, samples, batch_size):
        """Nothing to set: float32 is what the converter does by itself."""
