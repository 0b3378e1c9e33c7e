"""Weights in int8, activations in int16."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.recipes.integer import Integer
from kerasprune.recipes.recipe import register


@register("int16x8")
@dataclass(frozen=True)
class Int16x8(Integer):
    """Weights in 8 bits, activations in 16: the size of int8 with nearly the answers of float32, but slower kernels.

    For networks that int8 activations break: audio, regression, long chains of products. Recurrent layers are unrolled
    and normalizations written out, as by `Int8`.

    Tolerance: 0.1 relative to the output.

    Args:
        allow_float: Leave ops without an integer kernel in float32 instead of refusing the model.
        io: Type of the file's inputs and outputs: "float32" (the default) or "int16".
        dense: Whether the kernel of a Dense layer has a scale "per_channel", or one "per_tensor".
    """

    tolerance: float = 0.1
    types: ClassVar[tuple[str, ...]] = ("float32", "int16")
    bits: ClassVar[int] = 16
    gentler: ClassVar[str] = "dynamic"
    ops: ClassVar[str] = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    remedy: ClassVar[str] = "Pass Int16x8(allow_float=True) to leave them in float32."
