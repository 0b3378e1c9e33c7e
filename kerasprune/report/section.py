"""A part of the page with a heading of its own."""

from kerasprune.report.markup import Markup, tag


def section(title: str, about: str | None, *content: object, anchor: str) -> Markup:
    """The heading, a sentence on what the part shows, and the part.

    Args:
        title: The heading.
        about: The sentence; None for none.
        *content: The part.
        anchor: By which the heading is named.
    """
    told = None if about is None else tag("p", about, class_="about")
    return tag("section", tag("h2", title, id=anchor), told, *content, aria_labelledby=anchor)
