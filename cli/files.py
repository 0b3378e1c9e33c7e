"""Checks of paths before the work begins, so that a run does not fail at its end."""

import os
from pathlib import Path

import click

from kerasprune_cli.errors import BadInput


class InputFile(click.ParamType):
    """A file that must exist and be readable."""

    name = "file"

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        if path.is_dir():
            raise BadInput(f"{value!r} is a folder; a file was expected.")
        if not path.exists():
            raise BadInput(f"There is no file {value!r}.")
        if not os.access(path, os.R_OK):
            raise BadInput(f"The file {value!r} cannot be read: permission denied.")
        return path


class OutputFile(click.ParamType):
    """A file to write: its folder must exist and be writable, its suffix must be the right one.

    Args:
        suffix: What the name must end with, for example ".tflite".
    """

    name = "file"

    def __init__(self, suffix: str):
        self.suffix = suffix

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        if path.suffix != self.suffix:
            raise BadInput(f"The output {value!r} must end in {self.suffix}, as in {path.with_suffix(self.suffix)}.")
        if path.is_dir():
            raise BadInput(f"The output {value!r} is a folder; name a file.")
        check_folder(path.parent)
        return path


class OutputFolder(click.ParamType):
    """A folder to write into; it may be missing where its parent allows to make it."""

    name = "folder"

    def convert(self, value, param, ctx) -> Path:
        path = Path(value)
        check_folder(path if path.exists() else path.parent)
        return path


def check_folder(folder: Path) -> None:
    """Raise BadInput unless files can be made in `folder`."""
    if not folder.exists():
        raise BadInput(f"The folder {str(folder)!r} does not exist; create it, or name another output.")
    if not folder.is_dir():
        raise BadInput(f"{str(folder)!r} is not a folder; name another output.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"The folder {str(folder)!r} is not writable; name another output.")
