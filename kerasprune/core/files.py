"""Writing files so that a reader sees the old one or the new one, never half of one."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kerasprune.core.errors import FolderError


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends without an error.

    The temporary name keeps the suffix of the target, because Keras chooses the format by it.

    Args:
        target: Where the finished file shall stand. Its folder must exist and be writable.

    Yields:
        The path to write to.

    Raises:
        FolderError: The folder of the target does not exist, or is a file.
    """
    target = Path(target)
    folder = target.parent
    if not folder.exists():
        raise FolderError(f"The folder {str(folder)!r} does not exist. Create it, or name another output.")
    if not folder.is_dir():
        raise FolderError(f"{str(folder)!r} is not a folder. Name another output.")
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=folder)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write `text` to `target` atomically, as UTF-8."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")
