"""Temporary folders that no killed process leaves behind for good."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PREFIX = ".kerasprune-"


@contextlib.contextmanager
def temporary_folder(place: str | os.PathLike | None = None) -> Iterator[Path]:
    """A new folder that is gone when the block ends; if the process is killed, with the next such folder in its place.

    The folder is locked while it is in use, so that nobody takes it for one of a killed process. Where the file system
    has no locks, what a killed process left stays.

    Args:
        place: The folder that it is made in; by default the one of the system for temporary files.

    Yields:
        Its path.

    Example:

    >>> with temporary_folder() as folder:
    ...     folder.is_dir()
    True
    """
    place = Path(place or tempfile.gettempdir())
    _clear(place)
    folder, lock = _claim(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _claim(place: Path) -> tuple[Path, int | None]:
    """A new folder and the handle that holds its lock; somebody may clear it away before it is locked: then another."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        if sys.platform == "win32":
            return folder, None
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _clear(place: Path) -> None:
    """Remove the folders that killed processes of this user left in `place`."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(PREFIX)]
        for path in left:
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: str) -> None:
    if sys.platform == "win32":
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError:  # another user's, or gone
        return
    try:
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    except OSError:  # in use
        pass
    finally:
        os.close(handle)
