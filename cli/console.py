"""How results are printed: one JSON object, or tables for people. Progress goes to stderr."""

import contextlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import rich.box
import rich.console
import rich.table

WIDTH = 120


def print_json(result: Any) -> None:
    """Print `result` as the only thing on stdout."""
    click.echo(json.dumps(result, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table whose first column is text and whose others are figures."""
    table = rich.table.Table(title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", no_wrap=position > 0)
    for row in rows:
        table.add_row(*row)
    stdout().print(table)


def stdout() -> rich.console.Console:
    """The console for results; where it is no terminal, tables get room enough not to break their lines."""
    console = rich.console.Console()
    return console if console.is_terminal else rich.console.Console(width=WIDTH)


def say(text: str) -> None:
    """Tell on stderr what is going on."""
    click.echo(text, err=True)


@contextlib.contextmanager
def warnings_as_sentences() -> Iterator[None]:
    """Print warnings to the user in one line on stderr; those to developers are none of the user's concern."""

    def show(message, category, *_, **__):
        if issubclass(category, UserWarning):
            say(f"Warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
