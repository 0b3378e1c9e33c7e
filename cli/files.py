"""Checks of paths before the work begins, so that a run does not fail at its end."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import core


class InputFile(click.ParamType):
    """A file that must exist and be readable."""

    name = "file"

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        try:
            if path.is_dir():
                raise BadInput(f"{value!r} is a folder; a file was expected.")
            if not path.exists():
                raise BadInput(f"There is no file {value!r}.")
        except OSError as error:
            raise BadInput(f"The file {value!r} cannot be read: {os.strerror(error.errno)}.") from error
        if not path.is_file():
            raise BadInput(f"{value!r} is a device or a pipe; a file was expected.")
        if not os.access(path, os.R_OK):
            raise BadInput(f"The file {value!r} cannot be read: permission denied.")
        return path


class OutputFile(click.ParamType):
    """A file to write: its folder must exist and be writable, its suffix must be the right one.

    Args:
        suffix: What the name must end with, for example ".tflite".
        beside: What the names of other files end with instead, which are written beside it.
    """

    name = "file"

    def __init__(self, suffix: str, beside: Sequence[str] = ()):
        self.suffix = suffix
        self.beside = beside

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        if path.suffix != self.suffix or not value:
            example = path.with_suffix(self.suffix).name if path.name else f"small{self.suffix}"
            raise BadInput(f"The output {value!r} must end in {self.suffix}, as in {example[-60:]}.")
        _require_writable(path)
        for suffix in self.beside:
            _require_writable(path.with_suffix(suffix))
        return path


class OutputFolder(click.ParamType):
    """A folder to write into; it may be missing where its parent allows to make it."""

    name = "folder"

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        if not value:
            raise BadInput("The name of the output folder is empty; name one.")
        if path.exists() and not path.is_dir():
            raise BadInput(f"{value!r} is not a folder; name another output.")
        _require_writable(path / "file" if path.exists() else path)
        return path


def _require_writable(path: Path) -> None:
    try:
        core.require_writable(path)
    except core.FolderError as error:
        raise BadInput(str(error)) from error


def require_other(output: Path | None, model: Path, overwrite: bool) -> None:
    """Refuse to write over MODEL unless the user says so.

    Raises:
        BadInput: The output is the file that is read.
    """
    if output is not None and not overwrite and output.exists() and output.samefile(model):
        raise BadInput(f"The output {str(output)!r} is MODEL itself; name another file, or add --overwrite.")


overwrite_option = click.option("--overwrite", is_flag=True, help="Let the output take the place of MODEL.")
