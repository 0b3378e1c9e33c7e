"""Silencing what libraries log, where our own errors and warnings say it better."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet(name: str, about: str = "") -> Iterator[None]:
    """Let no message of a logger below an error through while the block runs.

    Args:
        name: The logger, "absl" or "tensorflow".
        about: Only messages that hold this text; by default all.
    """
    logger = logging.getLogger(name)

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or about not in record.getMessage()

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)
