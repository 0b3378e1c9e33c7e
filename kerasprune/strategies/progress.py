"""A bar for work whose end is not known in steps."""

import contextlib
from collections.abc import Callable, Iterator


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
    from rich.console import Console  # noqa: PLC0415  (only who wants a bar pays for it)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = TextColumn(title), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, words: bar.update(task, completed=share, description=words)
