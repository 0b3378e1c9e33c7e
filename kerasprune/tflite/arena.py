"""The working memory that a microcontroller needs for a file."""

import importlib.util
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np

from kerasprune.core.temporary import temporary_folder
from kerasprune.tflite import arena_child
from kerasprune.tflite.flatbuffer import parse, tensor_sizes

_PER_TENSOR, _PER_OP, _RESERVE = 64, 96, 1024  # bytes that the interpreter keeps, for an estimate


class Arena(NamedTuple):
    """The arena of a file in the `tflite-micro` interpreter.

    Attributes:
        size: Bytes.
        is_measured: Whether the interpreter itself ran in so many; else it is an estimate, from the tensors that are
            alive at the same time.
    """

    size: int
    is_measured: bool


def arena_of(content: bytes) -> Arena:
    """The smallest arena in which `tflite-micro` runs a file, in steps of 16 bytes, from 1 KiB on.

    It is estimated where that is not installed, or does not have one of the ops.
    """
    measured = _measured(content) if importlib.util.find_spec("tflite_micro") is not None else None
    return Arena(_estimated(content), False) if measured is None else Arena(measured, True)


def _measured(content: bytes) -> int | None:
    with temporary_folder() as folder:
        (folder / "model.tflite").write_bytes(content)
        command = [sys.executable, str(arena_child.__file__), str(folder / "model.tflite")]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
    last = child.stdout.split()[-1:] if child.returncode == 0 else []
    return int(last[0]) or None if last else None


def _estimated(content: bytes) -> int:
    """The most bytes of tensors that are alive at one op, and what the interpreter keeps for each tensor and op."""
    model = parse(content)
    graph = model.subgraphs[0]
    sizes = tensor_sizes(model)
    count = len(graph.operators)
    first = {int(index): 0 for index in graph.inputs}
    last = {int(index): count for index in graph.outputs}
    for position, operator in enumerate(graph.operators):
        for index in map(int, operator.outputs):
            first.setdefault(index, position)
        for index in map(int, operator.inputs):
            last[index] = max(last.get(index, 0), position)
    alive: Any = np.zeros(count + 1, int)
    for index, start in first.items():
        alive[start : last.get(index, start) + 1] += sizes.get(index, 0)
    return int(alive.max()) + _PER_TENSOR * len(graph.tensors) + _PER_OP * count + _RESERVE
