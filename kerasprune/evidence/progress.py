"""A progress bar for what takes long; where nobody watches a terminal, a line now and then."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kerasprune.core import length
from kerasprune.core.batches import is_whole

_FIRST_LINE = 5.0  # seconds; every further line comes when twice the time has passed


def tracked(items: Iterable, description: str, total: int | None, shown: bool) -> Iterator:
    """Pass the items on, with a progress bar on the console if it shall be shown.

    Args:
        items: What is worked on.
        description: What is being done, in a word or two.
        total: Number of items; None if it is not known.
        shown: Whether to show the bar.
    """
    if not shown:
        return iter(items)
    watched = sys.stderr.isatty()
    if not watched:
        items = _told(items, description, total)
    from rich.console import Console  # noqa: PLC0415  (only who wants a bar pays for it)
    from rich.progress import track  # noqa: PLC0415

    console = Console(stderr=True, quiet=not watched)
    return iter(track(items, description, total=total, transient=True, console=console))


def batch_count(data: Any, batch_size: int, limit: int | None) -> int | None:
    """How many batches the data holds, as far as can be told without reading it."""
    found = length(data)
    if found is None or not is_whole(data):
        return found
    return math.ceil(min(found, found if limit is None else limit) / batch_size)


@contextlib.contextmanager
def countdown(title: str, shown: bool) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on the console with the time left, if it shall be shown.

    Args:
        title: What is being done.
        shown: Whether to show it.

    Yields:
        A function that is told which share of the work is done, in [0, 1], and what was done last, in words.
    """
    if not shown:
        yield lambda share, words: None
        return
    if not sys.stderr.isatty():
        tell = _teller(title)
        yield lambda share, words: tell(", ".join(filter(None, (f"{share:.0%}", words))))
        return
    from rich.console import Console  # noqa: PLC0415  (only who wants a bar pays for it)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = TextColumn(title), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, words: bar.update(task, completed=share, description=words)


def _told(items: Iterable, description: str, total: int | None) -> Iterator:
    """Pass the items on and tell from time to time how many have passed."""
    tell = _teller(description)
    for count, item in enumerate(items):
        tell(f"{count}" if total is None else f"{count} of {total}")
        yield item


def _teller(title: str) -> Callable[[str], None]:
    """A function that is told how far the work is, and prints a line on stderr when it is time for one."""
    start, due = time.monotonic(), _FIRST_LINE

    def tell(words: str) -> None:
        nonlocal due
        passed = time.monotonic() - start
        if passed >= due:
            due = 2 * passed
            print(f"{title}: {words}, after {passed:.0f} s", file=sys.stderr, flush=True)

    return tell
