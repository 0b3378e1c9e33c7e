"""Writing files so that a reader sees the old ones or the new ones, never half of one."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerasprune.core.errors import FolderError
from kerasprune.core.temporary import temporary_folder

_LONGEST_NAME = 255  # bytes, where the file system does not say


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """A temporary path that replaces `target` when the block ends without an error; see `atomic_paths`.

    Args:
        target: Where the finished file shall stand. Its folder must exist and be writable.

    Yields:
        The path to write to. It has the name of the target, because Keras chooses the format by it.

    Raises:
        FolderError: The target cannot be written; what stood there stands there still.
    """
    with atomic_paths(target) as (temporary,):
        yield temporary


@contextlib.contextmanager
def atomic_paths(*targets: str | os.PathLike) -> Iterator[tuple[Path, ...]]:
    """Temporary paths that replace the targets when the block ends without an error: all of them, or none.

    They lie in hidden folders beside the targets. What a killed process left there goes with the next call.

    Args:
        *targets: Where the finished files shall stand. Their folders must exist and be writable.

    Yields:
        The paths to write to, with the names of the targets.

    Raises:
        FolderError: A target cannot be written, or the disk is full; what stood there stands there still.

    Example:

    >>> with atomic_paths("small.txt", "small.json") as (text, data):
    ...     _ = text.write_text("small"), data.write_text("{}")
    """
    paths = [Path(target) for target in targets]
    for path in paths:
        require_writable(path)
    with contextlib.ExitStack() as stack, _one_sentence(paths):
        folders = {place: stack.enter_context(temporary_folder(place)) for place in {path.parent for path in paths}}
        yield tuple(folders[path.parent] / path.name for path in paths)
        _replace([(folders[path.parent] / path.name, path) for path in paths])


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write `text` to `target` atomically, as UTF-8."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")


def require_writable(target: str | os.PathLike) -> None:
    """Find out whether a file can be written here, before the work that it is for.

    Args:
        target: The file, which may exist.

    Raises:
        FolderError: It is a folder, its name is too long, or its folder is missing, a file, or not writable.
    """
    target = Path(target)
    folder = target.parent
    try:
        if target.is_dir():
            raise FolderError(f"The output {str(target)!r} is a folder. Name a file.")
        if not folder.exists():
            raise FolderError(f"The folder {str(folder)!r} does not exist. Create it, or name another output.")
    except FolderError:
        raise
    except OSError as error:
        raise FolderError(f"{str(target)!r} cannot be written: {_reason(error)}. Name another output.") from error
    if not folder.is_dir():
        raise FolderError(f"{str(folder)!r} is not a folder. Name another output.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderError(f"The folder {str(folder)!r} is not writable. Name another output.")
    length, longest = len(os.fsencode(target.name)), _longest_name(folder)
    if length > longest:
        raise FolderError(
            f"The name {target.name[:20]!r}... is too long for a file: {length} bytes, at most {longest} are possible. "
            "Name another output."
        )


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # not on this system
        return _LONGEST_NAME


@contextlib.contextmanager
def _one_sentence(targets: Sequence[Path]) -> Iterator[None]:
    """Say what the file system has to say in one sentence about the targets."""
    try:
        yield
    except OSError as error:
        # What is written may itself be written atomically: then the sentence is about a path that nobody knows.
        cause = error.__cause__ if isinstance(error, FolderError) else error
        if not isinstance(cause, OSError):
            raise
        names = " and ".join(repr(str(target)) for target in targets)
        raise FolderError(
            f"{names} cannot be written: {_reason(cause)}. What stood there is unchanged; make room, or name another "
            "output."
        ) from cause


def _reason(error: OSError) -> str:
    """In the words of the system, where there are any: HDF5 adds addresses in memory to them."""
    return os.strerror(error.errno) if error.errno else str(error).splitlines()[0]


def _replace(moves: Sequence[tuple[Path, Path]]) -> None:
    """Put every finished file in its place; if one cannot be, those that were come back."""
    for _, target in moves:
        require_writable(target)
    done: list[tuple[Path, Path | None]] = []
    try:
        for finished, target in moves:
            old = finished.with_name(f"old-{len(done)}") if len(moves) > 1 and target.exists() else None
            if old is not None:
                _keep(target, old)
            os.replace(finished, target)
            done.append((target, old))
    except BaseException:
        for target, old in reversed(done):
            target.unlink() if old is None else os.replace(old, target)
        raise


def _keep(source: Path, copy: Path) -> None:
    """Give a file a second name, or where the file system has no such thing, a copy."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copy2(source, copy)
