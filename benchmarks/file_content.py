"""A checksum of what a file says, whenever and wherever it was written."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

import kerasprune as kp
from kerasprune.report import Trajectory


def digest(path: Path) -> str:
    """The checksum: of a `.keras` file of its config and its weights, of an `.npz` file of its arrays."""
    sums = hashlib.sha256()
    for name, values in CONTENTS.get(path.suffix, _whole)(path):
        sums.update(name.encode() + values)
    return sums.hexdigest()


def _keras(path: Path) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        yield "config.json", archive.read("config.json")
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            names: list[str] = []
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            yield from ((name, np.asarray(file[name]).tobytes()) for name in names)


def _arrays(path: Path) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(path):
        return
    with np.load(path, allow_pickle=False) as arrays:
        yield from ((name, arrays[name].tobytes()) for name in arrays.files)


def _whole(path: Path) -> Iterator[tuple[str, bytes]]:
    yield "", path.read_bytes()


CONTENTS: dict[str, Callable[[Path], Iterator[tuple[str, bytes]]]] = {".keras": _keras, ".npz": _arrays}


def is_record(path: Path) -> bool:
    """Whether a strategy could go on from this file."""
    try:
        Trajectory.load(path) if path.suffix == ".json" else dict(_arrays(path))["content.json"]
    except (kp.DataError, KeyError, OSError, ValueError):
        return False
    return True
