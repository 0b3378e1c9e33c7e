"""Weights in 8 or 4 bits, arithmetic in float32."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.core import OptionError
from kerasprune.recipes.edge_quantized import EdgeQuantized
from kerasprune.recipes.recipe import register


@register("weight_only")
@dataclass(frozen=True)
class WeightOnly(EdgeQuantized):
    """A quarter of the file size with float32 activations: weights are expanded where they are used.

    Needs ai-edge-quantizer: `pip install 'kerasprune[int4]'`. For memory and download, not for speed.

    Tolerance: 0.3 relative to the output.

    Args:
        bits_of_weights: 8, or 4 for an eighth of the size.
    """

    tolerance: float = 0.3
    bits_of_weights: int = 8
    gentler: ClassVar[str] = "float16"

    def __post_init__(self):
        super().__post_init__()
        if self.bits_of_weights not in (4, 8):
            raise OptionError(f"`bits_of_weights` must be 4 or 8. Received: {self.bits_of_weights!r}.")

    def finish(self, content):
        """Quantize the weights."""
        bits = 0 if self.bits_of_weights == 8 else 8
        kept = [(f".*(?:{self.keep}).*", bits, "CHANNELWISE", False)] if self.keep else []
        return self._quantized(content, [(".*", self.bits_of_weights, "CHANNELWISE", False), *kept])
