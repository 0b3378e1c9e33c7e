"""Weights in int8 and activations in integers, with ranges measured on representative data."""

from dataclasses import dataclass
from typing import ClassVar

from kerasprune.core import OptionError
from kerasprune.recipes.recipe import Recipe


@dataclass(frozen=True)
class Integer(Recipe):
    """What the recipes have in common that compute in integers.

    Args:
        allow_float: Leave ops without an integer kernel in float32 instead of refusing the model.
        io: Type of the file's inputs and outputs; see `types`.
        dense: Whether the kernel of a Dense layer has a scale "per_channel", or one "per_tensor", which older runtimes
            and some accelerators need.
    """

    allow_float: bool = False
    io: str = "float32"
    dense: str = "per_channel"
    needs_data: ClassVar[bool] = True
    loops: ClassVar[bool] = False  # the calibrator crashes the process on a quantized WHILE
    types: ClassVar[tuple[str, ...]]  # that `io` can be
    ops: ClassVar[str]  # the set of `tf.lite.OpsSet`

    def __post_init__(self):
        super().__post_init__()
        if self.io not in self.types:
            raise OptionError(f"`io` must be {' or '.join(map(repr, self.types))}. Received: io={self.io!r}.")
        if self.dense not in ("per_channel", "per_tensor"):
            raise OptionError(f"`dense` must be 'per_channel' or 'per_tensor'. Received: dense={self.dense!r}.")

    def configure(self, converter, samples, batch_size):
        """Calibrate on `samples` and allow integer kernels only."""
        import tensorflow as tf  # noqa: PLC0415

        def representative():
            for start in range(0, len(samples[0]) - batch_size + 1, batch_size):
                yield [array[start : start + batch_size] for array in samples]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        floating = [tf.lite.OpsSet.TFLITE_BUILTINS] if self.allow_float else []
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, self.ops), *floating]
        converter.inference_input_type = tf.dtypes.as_dtype(self.io)
        converter.inference_output_type = tf.dtypes.as_dtype(self.io)
        converter._experimental_disable_per_channel_quantization_for_dense_layers = self.dense == "per_tensor"

    def forbidden(self, operators):
        """Ops that the converter left in float32 all the same."""
        return [] if self.allow_float else [(name, tensor) for name, tensor, floating in operators if floating]
