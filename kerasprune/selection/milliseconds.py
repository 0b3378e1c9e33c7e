"""A time in words, "0.2 ms": what a latency above 0 and up to 1 is given as, where a number would be a fraction."""

import re

from kerasprune.core import BudgetError

_UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3}


def milliseconds(text: str) -> float:
    """The milliseconds that a text such as "0.2 ms", "200us" or "1.5 s" names.

    Raises:
        BudgetError: It names none.
    """
    match = re.fullmatch(r"\s*([0-9.]+(?:e-?[0-9]+)?)\s*(s|ms|us|µs)\s*", text, re.IGNORECASE)
    try:
        value = float(match[1]) * _UNITS[match[2].lower()] if match else 0.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise BudgetError(
            "A latency is a fraction in (0, 1], milliseconds above 1, or a time with its unit such as '0.2 ms'. "
            f"Received: latency={text!r}."
        )
    return value
