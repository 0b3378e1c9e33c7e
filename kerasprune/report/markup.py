"""HTML elements as text; what is not markup already is escaped."""

import html
import math

_EMPTY = ("meta", "rect", "circle", "line", "polyline")  # elements without an end tag, or that end in themselves


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        name: Of the element.
        *children: Elements, or text, which is escaped; None is nothing.
        **attributes: By their names, with "_" for "-", and one "_" behind words of Python; None is left out.

    Example:

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{given}{'>' if name == 'meta' else '/>'}")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*parts: object) -> Markup:
    """Several elements or texts one after the other."""
    return Markup("".join(p if isinstance(p, Markup) else html.escape(str(p)) for p in parts if p is not None))


def figure(value: float, shown: str | None = None) -> Markup:
    """A number that machines read exactly and people as it is `shown`: by default with commas, or with four digits."""
    if shown is None:
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if math.isfinite(value) else "not finite"
    return tag("data", shown, value=repr(value))
