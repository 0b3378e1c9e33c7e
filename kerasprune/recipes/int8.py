"""Weights and activations in int8, for integer-only devices."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.core import OptionError
from kerasprune.recipes.recipe import Recipe, register


@register("int8")
@dataclass(frozen=True)
class Int8(Recipe):
    """Every op in 8-bit integers: weights per channel, activations with ranges measured on representative data.

    Recurrent layers are unrolled: the file grows with the number of steps.

    Tolerance: 0.3 relative to the output, plus one step of the output's own quantization. Trained networks were off by
    0.01 to 0.07. What counts in the end is the accuracy on your data.

    Args:
        allow_float: Leave ops without an integer kernel in float32 instead of refusing the model.
        io: Type of the file's inputs and outputs. "float32" (the default) adds one quantize and one dequantize op, so
            the file is a drop-in for the float one; "int8" or "uint8" leaves them out for integer-only devices, and
            the caller applies the scale and zero point that the file states.

    Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018: real = scale * (integer - zero_point).
    """

    tolerance: float = 0.3
    allow_float: bool = False
    io: str = "float32"
    needs_data: ClassVar[bool] = True
    loops: ClassVar[bool] = False  # the calibrator crashes the process on a quantized WHILE
    remedy: ClassVar[str] = "Pass Int8(allow_float=True) to leave them in float32."

    def __post_init__(self):
        super().__post_init__()
        if self.io not in ("float32", "int8", "uint8"):
            raise OptionError(f"`io` must be 'float32', 'int8' or 'uint8'. Received: io={self.io!r}.")

    def configure(self, converter, samples, batch_size):
        """Calibrate on `samples` and allow integer kernels only."""
        import tensorflow as tf  # noqa: PLC0415

        def representative():
            for start in range(0, len(samples[0]) - batch_size + 1, batch_size):
                yield [array[start : start + batch_size] for array in samples]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        if not self.allow_float:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.dtypes.as_dtype(self.io)
        converter.inference_output_type = tf.dtypes.as_dtype(self.io)

    def forbidden(self, operators):
        """Ops that the converter left in float32 all the same."""
        return [] if self.allow_float else [(name, tensor) for name, tensor, floating in operators if floating]
