"""Weights in 4 bits, activations quantized on the fly."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.core import OptionError
from kerasprune.recipes.edge_quantized import EdgeQuantized
from kerasprune.recipes.recipe import register


@register("int4")
@dataclass(frozen=True)
class Int4(EdgeQuantized):
    """An eighth of the file size without any data: 4-bit weights, ranges of activations found at run time.

    Needs ai-edge-quantizer: `pip install 'kerasprune[int4]'`. First and last layers are often the ones that 4 bits
    break: name them in `keep`, and they have 8 (a mixed recipe).

    Tolerance: 0.5 relative to the output.

    Args:
        block: Weights that share one scale: 0 for all of a channel, 32 or 64 for a block of these, which is finer.
    """

    tolerance: float = 0.5
    block: int = 0
    gentler: ClassVar[str] = "dynamic"

    def __post_init__(self):
        super().__post_init__()
        if self.block not in (0, 32, 64):
            raise OptionError(f"`block` must be 0, 32 or 64. Received: block={self.block!r}.")

    def finish(self, content):
        """Quantize the weights."""
        blocks = f"BLOCKWISE_{self.block}" if self.block else "CHANNELWISE"
        kept = [(f".*(?:{self.keep}).*", 8, "CHANNELWISE", True)] if self.keep else []
        return self._quantized(content, [(".*", 4, blocks, True), *kept])
