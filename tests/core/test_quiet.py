"""What libraries log."""

import logging

from kerasprune.core import quiet


def test_only_errors_and_what_is_about_something_else_get_through(caplog):
    logger = logging.getLogger("absl")
    logger.propagate, before = True, logger.propagate
    try:
        with quiet("absl", "retracing"):
            logger.warning("retracing again")
            logger.warning("something else")
            logger.error("retracing failed")
        logger.warning("retracing is heard again")
    finally:
        logger.propagate = before
    assert caplog.messages == ["something else", "retracing failed", "retracing is heard again"]
