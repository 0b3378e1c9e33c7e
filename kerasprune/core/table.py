"""Tables as text: the one way in which graphs, reports and the command line print rows."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], *, figures: bool = False, total: bool = False) -> list[str]:
    """Lay rows out in columns.

    Args:
        rows: The header first.
        figures: Whether all columns but the first hold figures, which stand to the right.
        total: Whether the last row is a sum, which a line parts from the others.

    Returns:
        The lines.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if figures and number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "  ".join("-" * width for width in widths)
    below = [*lines[1:-1], rule, lines[-1]] if total else lines[1:]
    return [lines[0], rule, *below]
