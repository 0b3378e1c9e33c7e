"""How results are printed: one JSON object, or tables for people. Progress goes to stderr."""

import contextlib
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kerasprune_cli.errors import called
from kerasprune_cli.lazy import core
from kerasprune_cli.words import in_options

_FIRST_SIGN = 5  # seconds
_LOGGERS = ("absl", "jax", "tensorflow")
_INSTALLED = Path(click.__file__).resolve().parents[1]  # where the libraries lie


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
def alive(what: str) -> Iterator[None]:
    """Tell on stderr, after 5 s, 10 s, 20 s and so on, that `what` still goes on while the block runs."""
    over, stream = threading.Event(), sys.stderr  # of now: the converter's output is caught while it runs

    def tell() -> None:
        passed, due = 0, _FIRST_SIGN
        while not over.wait(due - passed):
            click.echo(f"{what} ... {due} s", file=stream)
            passed, due = due, 2 * due

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@contextlib.contextmanager
def only_our_voice(ctx: click.Context) -> Iterator[None]:
    """Print warnings of this project in one line on stderr, once, and nothing of what other libraries log or warn of.

    With TF_CPP_MIN_LOG_LEVEL below 3 the user wants to see what they log.
    """

    said = set()

    def show(message, category, filename, *_, **__):
        if issubclass(category, UserWarning) and not _of_a_library(Path(filename)) and str(message) not in said:
            said.add(str(message))
            say(f"Warning: {in_options(str(message), called(ctx))}")

    loggers = [logging.getLogger(name) for name in _LOGGERS if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") == "3"]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    """A filter that no message passes."""
    return False


def _of_a_library(file: Path) -> bool:
    """Whether a warning points into somebody else's package."""
    file = file.resolve()
    if not file.is_relative_to(_INSTALLED):
        return False
    return not file.relative_to(_INSTALLED).parts[0].startswith("kerasprune")
