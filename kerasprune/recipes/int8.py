"""Weights and activations in int8, for integer-only devices."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.recipes.integer import Integer
from kerasprune.recipes.recipe import register


@register("int8")
@dataclass(frozen=True)
class Int8(Integer):
    """Every op in 8-bit integers: weights per channel, activations with ranges measured on representative data.

    Recurrent layers are unrolled: the file grows with the number of steps. What TFLite has no integer kernel for is
    written in operations that have one, such as normalizations. Inputs of bytes stay bytes.

    Tolerance: 0.3 relative to the output, plus one step of the output's own quantization. Trained networks were off by
    0.01 to 0.07. What counts in the end is the accuracy on your data.

    Args:
        allow_float: Leave ops without an integer kernel in float32 instead of refusing the model.
        io: Type of the file's inputs and outputs. "float32" (the default) adds one quantize and one dequantize op, so
            the file is a drop-in for the float one; "int8" or "uint8" leaves them out for integer-only devices, and
            the caller applies the scale and zero point that the file states.
        dense: Whether the kernel of a Dense layer has a scale "per_channel", or one "per_tensor", which older runtimes
            and some accelerators need.

    Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018: real = scale * (integer - zero_point).
    """

    tolerance: float = 0.3
    types: ClassVar[tuple[str, ...]] = ("float32", "int8", "uint8")
    bits: ClassVar[int] = 8
    gentler: ClassVar[str] = "int16x8"
    ops: ClassVar[str] = "TFLITE_BUILTINS_INT8"
    remedy: ClassVar[str] = "Pass Int8(allow_float=True) to leave them in float32."
