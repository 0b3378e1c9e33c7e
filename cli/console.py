"""How results are printed: one JSON object, or tables for people. Progress goes to stderr."""

import contextlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from kerasprune_cli.lazy import core


def print_json(result: Any) -> None:
    """Print `result` as the only thing on stdout."""
    click.echo(json.dumps(result, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table whose first column is text and whose others are figures."""
    lines = core.table([columns, *rows], figures=True)
    click.echo("\n".join(lines if title is None else [title, *lines]))


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
