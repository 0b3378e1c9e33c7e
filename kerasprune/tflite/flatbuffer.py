"""Reading and editing the TFLite file format (a flatbuffer) without running it."""

import functools
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from kerasprune.core.errors import ModelFileError
from kerasprune.tflite.requirements import needed

_IDENTIFIER = b"TFL3"
_TRANSLATORS = ("DEQUANTIZE", "QUANTIZE")


@functools.cache
def schema() -> ModuleType:
    """The classes of the file format."""
    return needed("ai_edge_litert.schema_py_generated")


@functools.cache
def _op_names() -> dict[int, str]:
    """The built-in ops: code to name."""
    return {code: name for name, code in vars(schema().BuiltinOperator).items() if isinstance(code, int)}


@functools.cache
def _floats() -> tuple[int, ...]:
    """The codes of the floating types."""
    types = schema().TensorType
    return types.FLOAT16, types.FLOAT32, types.FLOAT64


@functools.cache
def _widths() -> dict[int, int]:
    """Bytes of one number by the codes of the types; of all others four."""
    types = schema().TensorType
    one, two, eight = (types.INT8, types.UINT8, types.BOOL), (types.INT16, types.FLOAT16), (types.INT64, types.FLOAT64)
    return {code: width for codes, width in ((one, 1), (two, 2), (eight, 8)) for code in codes}


@functools.cache
def _aligned_builder() -> type:
    """A builder that writes byte vectors, which hold the weights, at multiples of 16 as the schema asks."""
    builder: Any = needed("flatbuffers").Builder

    class AlignedBuilder(builder):
        def StartVector(self, elemSize, numElems, alignment):  # noqa: N802, N803 (the base class's names)
            return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)

    return AlignedBuilder


def parse(content: bytes, origin: str = "the TFLite model") -> Any:
    """The whole model as a tree of `schema` objects.

    Every offset in the file is followed, so a damaged file is found here; the interpreter would crash on it.

    Args:
        content: The file's bytes.
        origin: What to call it in an error.

    Raises:
        ModelFileError: These bytes are no complete TFLite model.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelFileError(f"{origin} is no TFLite model: it lacks the identifier 'TFL3' ({len(content)} bytes).")
    root = schema().ModelT  # before `try`: that it is missing is no damage of the file
    try:
        model = root.InitFromPackedBuf(content)
    except (struct.error, IndexError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(f"{origin} is a damaged TFLite model ({len(content)} bytes): {error}.") from error
    if not model.subgraphs or not model.operatorCodes:
        raise ModelFileError(f"{origin} is a damaged TFLite model ({len(content)} bytes): it has no graph.")
    return model


def with_signature(content: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The same model with its input and output tensors renamed, and a signature that carries the names.

    Args:
        content: A model with one signature-less main graph.
        inputs: The new names, in the graph's own order.
        outputs: The same for the outputs.
    """
    model = parse(content)
    graph = model.subgraphs[0]
    signature = schema().SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs = _rename(graph, graph.inputs, inputs)
    signature.outputs = _rename(graph, graph.outputs, outputs)
    model.signatureDefs = [signature]
    return packed(model, len(content))


def packed(model: Any, size: int = 0) -> bytes:
    """A tree of `schema` objects as the bytes of a file.

    Args:
        model: The root of the tree.
        size: About how many bytes it will be.
    """
    builder = _aligned_builder()(size + 4096)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def with_metadata(content: bytes, name: str, data: bytes) -> bytes:
    """The same model, with some bytes under a name in its metadata; runtimes pass over them."""
    model = parse(content)
    entry, buffer = schema().MetadataT(), schema().BufferT()
    entry.name, entry.buffer, buffer.data = name, len(model.buffers), np.frombuffer(data, "uint8")
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return packed(model, len(content) + len(data))


def metadata(model: Any, name: str) -> bytes | None:
    """What a parsed model has under a name in its metadata; None where it has nothing."""
    found = [entry for entry in model.metadata or () if _text(entry.name) == name]
    return bytes(bytearray(model.buffers[found[0].buffer].data)) if found else None


def with_integer_inputs(content: bytes, types: Mapping[int, str]) -> bytes:
    """The same model, which takes integers as they are at some of its inputs that take their values as float32.

    Args:
        content: A model whose graph quantizes these inputs first.
        types: Place of an input to the name of the integer type.
    """
    model = parse(content)
    graph, types_of = model.subgraphs[0], schema()
    for place, name in types.items():
        tensor = graph.tensors[graph.inputs[place]]
        if tensor.type == types_of.TensorType.FLOAT32:
            tensor.type = getattr(types_of.TensorType, name.upper())
            tensor.quantization = types_of.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
    return packed(model, len(content))


def operators(model: Any) -> Iterator[tuple[str, str, bool]]:
    """Each op of a parsed model, all graphs included.

    Yields:
        Its name, the name of its first output tensor, and whether it computes in floating point. An op that is not
        built in is called by its custom code, TensorFlow ops by "Flex" and the op's name. QUANTIZE and DEQUANTIZE only
        translate.
    """
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            tensor = graph.tensors[operator.outputs[0]] if len(operator.outputs) else None
            name = op_name(model, operator)
            floating = name not in _TRANSLATORS and tensor is not None and tensor.type in _floats()
            yield name, _text(tensor.name) if tensor else "", floating


def operators_with_tensors(model: Any) -> Iterator[tuple[str, list[int], int, str]]:
    """Each op of the main graph: its name, the tensors it reads, the first that it makes, and the name of that."""
    graph = model.subgraphs[0]
    for operator in graph.operators or ():
        output = int(operator.outputs[0])
        yield op_name(model, operator), list(map(int, operator.inputs)), output, _text(graph.tensors[output].name)


def count_operators(model: Any) -> dict[str, int]:
    """How often each op occurs in a parsed model, by name."""
    return dict(sorted(Counter(name for name, *_ in operators(model)).items()))


def custom_operators(model: Any) -> list[tuple[str, str]]:
    """Name and output tensor of each op that the TFLite runtime does not have built in."""
    known = set(_op_names().values())
    return [(name, tensor) for name, tensor, _ in operators(model) if name not in known]


def signature_tensors(model: Any) -> tuple[dict[str, int], dict[str, int]]:
    """The input and output tensors of the main graph: name in the signature (or else of the tensor) to its index."""
    graph = model.subgraphs[0]
    if model.signatureDefs:
        signature = model.signatureDefs[0]
        return _in_order(signature.inputs, graph.inputs), _in_order(signature.outputs, graph.outputs)
    inputs, outputs = (
        {_text(graph.tensors[i].name): int(i) for i in indices} for indices in (graph.inputs, graph.outputs)
    )
    return inputs, outputs


def _in_order(entries: Sequence[Any], indices: Sequence[int]) -> dict[str, int]:
    """Name to tensor of the entries of a signature, in the order of the graph; two names may share a tensor."""
    places = {int(index): place for place, index in enumerate(indices)}
    ordered = sorted(entries, key=lambda entry: places[int(entry.tensorIndex)])
    return {_text(entry.name): int(entry.tensorIndex) for entry in ordered}


def tensor_sizes(model: Any) -> dict[int, int]:
    """Bytes of every tensor of the main graph that ops make, by its index; one sample where the batch is open."""
    found = {}
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        data = model.buffers[tensor.buffer].data
        if data is None or not len(data):
            width = _widths().get(tensor.type, 4)
            count = 1
            for size in [] if tensor.shape is None else tensor.shape:
                count *= max(int(size), 1)
            found[index] = -(-count * width // 16) * 16
    return found


def output_steps(model: Any) -> dict[str, float]:
    """The quantization step of each output, by name; 0 for a float output that no quantized tensor feeds."""
    graph = model.subgraphs[0]
    sources = {
        int(operator.outputs[0]): int(operator.inputs[0])
        for operator in graph.operators
        if op_name(model, operator) == "DEQUANTIZE"
    }
    _, outputs = signature_tensors(model)
    return {name: _step(graph.tensors[sources.get(index, index)]) for name, index in outputs.items()}


def op_name(model: Any, operator: Any) -> str:
    """The name of an op of a parsed model; the custom code of one that is not built in."""
    code = model.operatorCodes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)  # old files fill the deprecated field only
    if builtin == schema().BuiltinOperator.CUSTOM:
        return _text(code.customCode)
    return _op_names().get(builtin, f"BUILTIN_{builtin}")


def _step(tensor) -> float:
    scale = tensor.quantization.scale if tensor.quantization else None
    return float(scale[0]) if scale is not None and len(scale) else 0.0


def _rename(graph, indices, names) -> list:
    entries = []
    for index, name in zip(indices, names, strict=True):
        graph.tensors[index].name = name
        entry = schema().TensorMapT()
        entry.name, entry.tensorIndex = name, int(index)
        entries.append(entry)
    return entries


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
