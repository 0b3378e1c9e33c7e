"""Weights quantized by ai-edge-quantizer in a finished float32 file."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from kerasprune.core import OptionError
from kerasprune.recipes.recipe import Recipe


@dataclass(frozen=True)
class EdgeQuantized(Recipe):
    """What the recipes have in common that ai-edge-quantizer writes.

    Args:
        keep: A regular expression: layers whose name it matches have weights in 8 bits, or stay in float32 where the
            others have 8. Empty for none.
    """

    keep: str = ""
    package: ClassVar[str] = "ai_edge_quantizer"

    def __post_init__(self):
        super().__post_init__()
        try:
            re.compile(self.keep)
        except re.error as error:
            raise OptionError(f"`keep` must be a regular expression: {error}. Received: keep={self.keep!r}.") from error

    def configure(self, converter, samples, batch_size):
        """Nothing to set: what is quantized is the float32 file."""

    def _quantized(self, content: bytes, rules: list[tuple[str, int, Any, bool]]) -> bytes:
        """The file after some rules, the later ones for what they match in the place of the earlier ones.

        Args:
            content: A float32 file.
            rules: Regular expression for the names of what ops make, bits of the weights (0 for float32), their blocks
                (the name of a granularity), and whether integers are computed with.
        """
        from ai_edge_quantizer import qtyping, quantizer  # noqa: PLC0415

        tool = quantizer.Quantizer(content)
        every = qtyping.TFLOperationName.ALL_SUPPORTED
        for pattern, bits, blocks, integers in rules:
            if not bits:
                tool.update_quantization_recipe(pattern, every, algorithm_key="no_quantize")
                continue
            weights = qtyping.TensorQuantizationConfig(
                num_bits=bits, symmetric=True, granularity=qtyping.QuantGranularity[blocks]
            )
            precision = qtyping.ComputePrecision.INTEGER if integers else qtyping.ComputePrecision.FLOAT
            config = qtyping.OpQuantizationConfig(
                weight_tensor_config=weights, compute_precision=precision, explicit_dequantize=not integers
            )
            tool.update_quantization_recipe(pattern, every, config)
        return bytes(tool.quantize(enable_progress_report=False).quantized_model)
