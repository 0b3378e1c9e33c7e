"""TFLite models of one layer each, made without a converter: what kernels are timed on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasprune.tflite.flatbuffer import packed, schema


@dataclass(frozen=True)
class LayerShape:
    """A layer that multiplies, apart from its widths.

    Attributes:
        kernel: Height and width of its window.
        stride: Of the window, in both directions.
        positions: Height and width of what it puts out.
        groups: Blocks side by side; 1 for most layers.
        depthwise: Whether every channel is a block with one window.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    positions: tuple[int, int] = (1, 1)
    groups: int = 1
    depthwise: bool = False

    @property
    def entered(self) -> tuple[int, int]:
        """Height and width of what it reads."""
        return self.positions[0] * self.stride, self.positions[1] * self.stride

    def __str__(self) -> str:
        kind = "depthwise " if self.depthwise else f"{self.groups} groups of " if self.groups > 1 else ""
        kernel, positions = ("x".join(map(str, sizes)) for sizes in (self.kernel, self.positions))
        return f"{kind}{kernel} over {self.stride}, {positions} positions"


def layer_file(shape: LayerShape, reads: int, makes: int, int8: bool = False) -> bytes:
    """A TFLite model of one convolution with a bias; its weights are all alike, because no kernel looks at them.

    Args:
        shape: The layer.
        reads: Channels that a block reads; of a depthwise layer one.
        makes: Channels that it makes, in all blocks; so many that every block has as many.
        int8: Whether it computes in int8, with a scale for every channel; else in float32.
    """
    made = -(-makes // shape.groups) * shape.groups
    read = made if shape.depthwise else reads * shape.groups
    kernel = (1, *shape.kernel, made) if shape.depthwise else (made, *shape.kernel, reads)
    numeric = _Int8() if int8 else _Float32()
    weights = numeric.weights(kernel, axis=3 if shape.depthwise else 0)
    bias = numeric.bias(made)
    graph = schema().SubGraphT()
    graph.tensors = [
        _tensor("x", (1, *shape.entered, read), 0, *numeric.activation),
        _tensor("kernel", kernel, 1, *weights[1:]),
        _tensor("bias", (made,), 2, *bias[1:]),
        _tensor("y", (1, *shape.positions, made), 0, *numeric.activation),
    ]
    graph.operators, graph.inputs, graph.outputs = [_operator(shape)], [0], [3]
    model = schema().ModelT()
    model.version, model.subgraphs = 3, [graph]
    model.operatorCodes = [_code(shape, version=3 if int8 else 1)]
    model.buffers = [_buffer(None), _buffer(weights[0]), _buffer(bias[0])]
    return packed(model, weights[0].nbytes)


class _Float32:
    """Tensors of real numbers."""

    @property
    def activation(self) -> tuple[int, Any]:
        return schema().TensorType.FLOAT32, None

    def weights(self, shape: tuple[int, ...], axis: int) -> tuple[np.ndarray, int, Any]:
        return np.full(shape, 0.01, "float32"), schema().TensorType.FLOAT32, None

    def bias(self, width: int) -> tuple[np.ndarray, int, Any]:
        return self.weights((width,), 0)


class _Int8:
    """Tensors as full-integer quantization makes them."""

    scale = 0.05

    @property
    def activation(self) -> tuple[int, Any]:
        return schema().TensorType.INT8, _quantization([self.scale], 0)

    def weights(self, shape: tuple[int, ...], axis: int) -> tuple[np.ndarray, int, Any]:
        return np.ones(shape, "int8"), schema().TensorType.INT8, _quantization([0.01] * shape[axis], axis)

    def bias(self, width: int) -> tuple[np.ndarray, int, Any]:
        scales = [0.01 * self.scale] * width
        return np.ones(width, "int32"), schema().TensorType.INT32, _quantization(scales, 0)


def _quantization(scales: list[float], axis: int) -> Any:
    found = schema().QuantizationParametersT()
    found.scale, found.zeroPoint = np.array(scales, "float32"), np.zeros(len(scales), "int64")
    found.quantizedDimension = axis
    return found


def _tensor(name: str, shape: tuple[int, ...], buffer: int, kind: int, quantization: Any) -> Any:
    tensor = schema().TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, list(shape), buffer, kind
    tensor.quantization = quantization
    return tensor


def _buffer(value: np.ndarray | None) -> Any:
    buffer = schema().BufferT()
    buffer.data = None if value is None else np.frombuffer(value.tobytes(), np.uint8)
    return buffer


def _code(shape: LayerShape, version: int) -> Any:
    code = schema().OperatorCodeT()
    builtin = schema().BuiltinOperator
    code.builtinCode = builtin.DEPTHWISE_CONV_2D if shape.depthwise else builtin.CONV_2D
    code.deprecatedBuiltinCode, code.version = code.builtinCode, version
    return code


def _operator(shape: LayerShape) -> Any:
    operator, kinds = schema().OperatorT(), schema().BuiltinOptions
    options = schema().DepthwiseConv2DOptionsT() if shape.depthwise else schema().Conv2DOptionsT()
    operator.builtinOptionsType = kinds.DepthwiseConv2DOptions if shape.depthwise else kinds.Conv2DOptions
    if shape.depthwise:
        options.depthMultiplier = 1
    options.strideH = options.strideW = shape.stride
    options.padding = schema().Padding.SAME
    options.dilationHFactor = options.dilationWFactor = 1
    operator.builtinOptions, operator.opcodeIndex = options, 0
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    return operator
