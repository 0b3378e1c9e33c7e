"""The folder of the user in which lies what is measured once and used again."""

import contextlib
import os
import sys
from pathlib import Path

from kerasprune.core.errors import FolderError
from kerasprune.core.files import write_text

VARIABLE = "KERASPRUNE_CACHE"  # names the folder, where it is set


def cache_folder() -> Path:
    """Where the system wants caches of a user; the variable `KERASPRUNE_CACHE` of the environment goes before."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "kerasprune"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "kerasprune"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "kerasprune"


def read_cached(name: str) -> str:
    """What was written under this name; "" where there is nothing that can be read."""
    try:
        return (cache_folder() / name).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def write_cached(name: str, text: str) -> None:
    """Write a file whole, or, where the user's folder takes none, not at all: a cache is no result."""
    with contextlib.suppress(OSError, FolderError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_text(cache_folder() / name, text)
