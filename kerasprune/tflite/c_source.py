"""A TFLite file as C++ source, for devices without a file system."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kerasprune.core.errors import ExportError, OptionError
from kerasprune.core.files import atomic_paths, require_writable
from kerasprune.tflite.arena import Arena, arena_of
from kerasprune.tflite.flatbuffer import count_operators, parse
from kerasprune.tflite.runner import read_model

# Names that `MicroMutableOpResolver` does not spell as the others.
_METHODS = {
    "BATCH_MATMUL": "BatchMatMul",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


@dataclass(frozen=True)
class CSource:
    """What was written.

    Attributes:
        path: The `.cc` file, with the bytes.
        header: The `.h` file beside it, with their declaration, the arena and the ops.
        size: Bytes of the model.
        arena: The working memory that it needs.
        ops: The methods of `tflite::MicroMutableOpResolver` that register its ops.
    """

    path: Path
    header: Path
    size: int
    arena: Arena
    ops: tuple[str, ...]


def c_source(model: str | os.PathLike, path: str | os.PathLike, name: str = "") -> CSource:
    """Write a TFLite file as a C++ array, with what a microcontroller's program needs to run it.

    The array is aligned to 16 bytes, as the interpreter asks. The header holds the size of the arena and a function
    that registers the ops with a resolver of `tflite-micro`.

    Args:
        model: The `.tflite` file.
        path: Ends in `.cc`; the header stands beside it. Both are replaced together or not at all.
        name: Of the array; by default the name of the file.

    Returns:
        A `CSource`. Its arena is measured with the `tflite-micro` package where that is installed and has the ops,
        else estimated.

    Raises:
        ModelFileError: The file is missing, damaged or no TFLite model.
        ExportError: `path` ends otherwise, or the model has ops that are not built in.
        FolderError: The files cannot be written there.
        OptionError: `name` is no name in C.

    Example:

    >>> source = c_source("dense.tflite", "dense.cc")
    >>> source.ops
    ('AddFullyConnected',)
    >>> "alignas(16) const unsigned char dense[]" in source.path.read_text()
    True
    """
    path = Path(path)
    if path.suffix != ".cc":
        raise ExportError(f"C++ source must end in '.cc'. Received: {str(path)!r}.")
    name = name or re.sub(r"\W", "_", path.stem)
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise OptionError(f"`name` must be a name in C. Received: name={name!r}. Take letters, digits and '_'.")
    header = path.with_suffix(".h")
    for each in (path, header):
        require_writable(each)
    content, origin = read_model(model)
    ops = tuple(map(_method, count_operators(parse(content, origin))))
    arena = arena_of(content)
    with atomic_paths(path, header) as (source_file, header_file):
        source_file.write_text(_source(name, header.name, content), encoding="ascii")
        header_file.write_text(_header(name, len(content), arena, ops), encoding="ascii")
    return CSource(path, header, len(content), arena, ops)


def _method(op: str) -> str:
    """CONV_2D is registered by AddConv2D."""
    words = (word if re.fullmatch(r"\dD", word) else word.capitalize() for word in op.split("_"))
    return f"Add{_METHODS.get(op) or ''.join(words)}"


def _source(name: str, header: str, content: bytes) -> str:
    rows = (content[start : start + 16] for start in range(0, len(content), 16))
    lines = ",\n".join("    " + ", ".join(f"0x{byte:02x}" for byte in row) for row in rows)
    return f'#include "{header}"\n\nalignas(16) const unsigned char {name}[] = {{\n{lines}\n}};\n'


def _header(name: str, size: int, arena: Arena, ops: tuple[str, ...]) -> str:
    found = "measured with tflite-micro" if arena.is_measured else "estimated: measure on the device"
    calls = "\n".join(f"  resolver.{op}();" for op in ops)
    return f"""#pragma once

extern const unsigned char {name}[];
constexpr unsigned int {name}_size = {size};
constexpr unsigned int {name}_arena_size = {arena.size};  // bytes, {found}

// The ops of the model: tflite::MicroMutableOpResolver<{name}_ops> resolver; add_{name}_ops(resolver);
constexpr unsigned int {name}_ops = {len(ops)};
template <class Resolver>
void add_{name}_ops(Resolver& resolver) {{
{calls}
}}
"""
