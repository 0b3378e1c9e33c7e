"""Silencing remarks of Keras that our own errors and warnings replace."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_absl() -> Iterator[None]:
    """Let no absl message below an error through while the block runs."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
