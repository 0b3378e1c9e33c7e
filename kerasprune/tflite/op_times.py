"""How long every op of a `.tflite` file takes by itself."""

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasprune.core.errors import KeraspruneError
from kerasprune.tflite.flatbuffer import op_name, packed, parse, schema
from kerasprune.tflite.interleaved import milliseconds_of, prepare
from kerasprune.tflite.runner import Runner

_ROUNDS = 5


@dataclass(frozen=True)
class OpTime:
    """An op and its time.

    Args:
        op: Its name.
        tensor: The name of what it puts out, which holds that of the layer.
        shape: The shape of that.
        ms: Milliseconds of the fastest of some calls; None for an op that does not run by itself.
    """

    op: str
    tensor: str
    shape: tuple[int, ...]
    ms: float | None


def profile(path: str | os.PathLike, *, threads: int = 1, seed: int = 0) -> tuple[OpTime, ...]:
    """Time every op of a file alone, as a file of its own, on this machine's LiteRT interpreter.

    The runtime does not tell what an op takes in the middle of a model. Alone it finds its inputs in the cache, and is
    fused with no other; so the sum is about, not exactly, the time of the file.

    Args:
        path: The file.
        threads: CPU threads.
        seed: Makes the random inputs.

    Returns:
        The ops of the main graph, in its order.

    Raises:
        ModelFileError: The file is missing, damaged or no TFLite model.

    Example:

    >>> [time.op for time in profile("dense.tflite")]
    ['FULLY_CONNECTED', 'FULLY_CONNECTED']
    """
    model = parse(Path(path).read_bytes(), repr(str(path)))
    return tuple(
        OpTime(op, tensor, shape, _fastest(content, threads, seed)) for op, tensor, shape, content in _alone(model)
    )


def _fastest(content: bytes | None, threads: int, seed: int) -> float | None:
    if content is None:
        return None
    try:
        runner = prepare(Runner(content, threads), seed)
        return min(milliseconds_of(runner) for _ in range(_ROUNDS))
    except (KeraspruneError, RuntimeError, ValueError):  # what needs its surroundings
        return None


def _alone(model: Any) -> Iterator[tuple[str, str, tuple[int, ...], bytes | None]]:
    """Each op of the main graph: its name, its output and the shape of that, and a file of it alone."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        made = graph.tensors[operator.outputs[0]]
        name = made.name.decode() if isinstance(made.name, bytes) else made.name
        yield op_name(model, operator), name, tuple(map(int, made.shape)), _file_of(model, operator)


def _file_of(model: Any, operator: Any) -> bytes | None:
    """A model of one op, its constants with it; None for one that is given nothing."""
    graph = model.subgraphs[0]
    used = list(dict.fromkeys(int(i) for i in (*operator.inputs, *operator.outputs) if i >= 0))
    place = {index: number for number, index in enumerate(used)}
    buffers, tensors, given = [schema().BufferT()], [], []
    for number, index in enumerate(used):
        tensor = copy.copy(graph.tensors[index])
        content = model.buffers[tensor.buffer]
        tensor.name, tensor.buffer = f"tensor{number}", 0
        if content.data is not None and len(content.data):
            tensor.buffer = len(buffers)
            buffers.append(content)
        elif index not in set(map(int, operator.outputs)):
            given.append(number)
        tensors.append(tensor)
    alone = copy.copy(operator)
    alone.opcodeIndex = 0
    alone.inputs = [place.get(int(i), -1) for i in operator.inputs]
    alone.outputs = [place[int(i)] for i in operator.outputs]
    found, root = schema().SubGraphT(), schema().ModelT()
    found.tensors, found.operators, found.inputs, found.outputs = tensors, [alone], given, alone.outputs
    root.version, root.subgraphs, root.buffers = model.version, [found], buffers
    root.operatorCodes = [model.operatorCodes[operator.opcodeIndex]]
    return packed(root) if given else None
