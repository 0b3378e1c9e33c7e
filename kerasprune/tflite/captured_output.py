"""Keeping what native code prints away from the user."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO


@contextlib.contextmanager
def captured_output() -> Iterator[Callable[[], str]]:
    """Catch everything that is written to stdout and stderr, by Python and by native code, while the block runs.

    The converter and the interpreter print from C++, past `sys.stderr`; so the file descriptors are redirected, for the
    whole process.

    Yields:
        A function that returns what has been written so far.
    """
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as sink:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}

        def written() -> str:
            sink.flush()
            sink.seek(0)
            return sink.read()

        try:
            for descriptor in saved:
                os.dup2(sink.fileno(), descriptor)
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                yield written
        finally:
            for descriptor, copy in saved.items():
                os.dup2(copy, descriptor)
                os.close(copy)
            _leave(sink)


def _leave(sink: IO) -> None:
    """Let handlers that a library has set up meanwhile write where the user reads, and not into a file that is gone."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in [handler for logger in loggers for handler in getattr(logger, "handlers", ())]:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sink:
            handler.setStream(sys.stderr)
