"""Counts before and after as bars, and tables that turn into cards where the page is narrow."""

from collections.abc import Sequence

from kerasprune.report.change import Change
from kerasprune.report.markup import Markup, figure, joined, tag


def percent(share: float, digits: int = 1) -> str:
    """A share in words: "49.8 %"."""
    return f"{100 * share:.{digits}f} %"


def counts(change: Change, unit: str = "") -> Markup:
    """Both counts, or the one where nothing has changed."""
    behind = f" {unit}" if unit else ""
    if change.before == change.after:
        return joined(figure(change.before), behind, same(change))
    return joined(figure(change.before), " → ", figure(change.after), behind)


def same(change: Change) -> Markup | None:
    """The count after, for machines alone, where people read it once."""
    return tag("data", value=repr(change.after)) if change.before == change.after else None


def zero(change: Change) -> Markup:
    """Nothing before and nothing after, for machines alone."""
    return joined(tag("data", value=repr(change.before)), tag("data", value=repr(change.after)))


def bar(change: Change, largest: float | None = None, asked: float | None = None) -> Markup:
    """What was and what is left of it, as one bar; the figures stand beside it.

    Args:
        change: Before and after.
        largest: The count that fills the bar; by default the one before.
        asked: The count that was asked for, marked by a line.
    """
    whole = largest or change.before or 1
    style = f"--of:{_width(change.before / whole)};--is:{_width(change.after / whole)}"
    plain = tag("span", class_="bar", style=style, aria_hidden="true")
    if asked is None:
        return plain
    return tag("div", plain, class_="asked", style=f"--ask:{_width(asked / whole)}")


def _width(share: float) -> str:
    """As CSS has it; what is there is seen."""
    return f"{100 * min(max(share, 0.008 if share else 0), 1):.2f}%"


def pair(label: str, change: Change | None, largest: float) -> Markup:
    """A cell with a bar, the counts above it."""
    if change is None or not change.before:
        return tag("td", None if change is None else zero(change), class_="pair none", role="cell")
    kept = percent(change.kept) if change.before != change.after else "all"
    figures = tag("div", tag("span", counts(change)), tag("span", kept), class_="figures")
    return tag("td", figures, bar(change, largest), class_="pair", data_label=label, role="cell")


def number(label: str, *content: object) -> Markup:
    """A cell with a figure; it says what it is where the page is narrow."""
    shown = joined(*content)
    return tag("td", shown and tag("span", shown), class_="number", data_label=label if shown else None, role="cell")


def grid(header: Sequence[str], rows: Sequence[Markup], caption: str, numbers: bool = True) -> Markup:
    """A table whose rows are cards on a narrow page.

    Args:
        header: The columns; the first one names the row.
        rows: From `row`.
        caption: What the table is, for those who do not see it.
        numbers: Whether all columns but the first stand to the right.
    """
    kinds = [None, *["number" if numbers else None] * (len(header) - 1)]
    cells = [
        tag("th", name, scope="col", class_=kind, role="columnheader") for name, kind in zip(header, kinds, strict=True)
    ]
    head, body = tag("thead", tag("tr", *cells, role="row"), role="rowgroup"), tag("tbody", *rows, role="rowgroup")
    table = tag("table", head, body, class_="stack", role="table", aria_label=caption)
    return tag("div", table, class_="scroll", tabindex="0", role="group", aria_label=caption)


def row(name: object, *cells: Markup, kind: str | None = None) -> Markup:
    """One row, named by its first cell."""
    return tag("tr", tag("th", name, scope="row", role="rowheader"), *cells, class_=kind, role="row")
