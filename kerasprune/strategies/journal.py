"""The file in which a strategy keeps how far it has come, so that an interrupted run can go on."""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, atomic_path
from kerasprune.strategies.rounds import Rounds

_CONTENT = "content.json"


class Journal:
    """An `.npz` file of one run, which is replaced whole or not at all after every step.

    Args:
        path: The file; None keeps nothing.
        run: What another run would have different, in words and numbers: the weights at the start, the options, ...
    """

    def __init__(self, path: str | os.PathLike | None, run: Mapping[str, Any]):
        self.path = None if path is None else Path(path)
        self.run = json.loads(json.dumps(run))

    def read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """What was written last; None where nothing was.

        Raises:
            DataError: The file is none of ours, or that of another run.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                arrays = dict(archive)
            content = json.loads(str(arrays.pop(_CONTENT)))
            run = content.pop("run")
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise DataError(f"{str(self.path)!r} is not the record of a run that was interrupted: {error}.") from error
        if run != self.run:
            raise other_run(self.path)
        return content, arrays

    def write(self, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Replace what was written before.

        Args:
            content: What JSON can hold.
            arrays: By any name.

        Raises:
            FolderError: The folder does not exist.
        """
        if self.path is None:
            return
        text = json.dumps({**content, "run": self.run})
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:  # numpy would add its suffix to a name
            np.savez(file, **{_CONTENT: np.array(text), **arrays})


def identity(rounds: Rounds) -> dict[str, Any]:
    """What runs of one strategy differ in besides its options."""
    return {
        "criterion": words(rounds.criterion),
        "recover": ", ".join(map(str, rounds.recover)),
        "selection": str(dict(rounds.selection)),
        "seed": rounds.sampling.seed,
        "model": fingerprint(rounds.model),
    }


def other_run(path: str | os.PathLike) -> DataError:
    """The error about a file that another run has written."""
    return DataError(
        f"{str(path)!r} is the record of another model, criterion or strategy. Remove the file, or name another one."
    )


def fingerprint(model: keras.Model) -> int:
    """A checksum of all weights."""
    checksum = 0
    for weight in model.weights:
        checksum = zlib.crc32(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes(), checksum)
    return checksum


def words(criterion: Any) -> str:
    """What a criterion is called in records."""
    return criterion if isinstance(criterion, str) else getattr(criterion, "__name__", str(criterion))
