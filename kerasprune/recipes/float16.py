"""Weights in float16, arithmetic in float32 (or float16 where a GPU delegate runs it)."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.recipes.recipe import Recipe, register


@register("float16")
@dataclass(frozen=True)
class Float16(Recipe):
    """Half the file size; weights are rounded to 11 significant bits and expanded again at load time on a CPU.

    Tolerance: 0.1 relative to the output. Trained networks were off by 0.0002 to 0.002, one with extreme folded batch
    norms by 0.05.
    """

    gentler: ClassVar[str] = "float32"
    tolerance: float = 0.1

    def configure(self, converter, samples, batch_size):
        """Round the weights to float16."""
        import tensorflow as tf  # noqa: PLC0415

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
