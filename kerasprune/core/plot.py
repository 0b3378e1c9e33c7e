"""Pictures of results, in any format of matplotlib: one function for all of them, and what each can draw by name."""

import os
import typing
from collections.abc import Callable

from kerasprune.core.errors import OptionError
from kerasprune.core.files import atomic_path
from kerasprune.core.registry import Registry

# Functions of what is drawn, whose type the first argument names, and of a figure of matplotlib.
PLOTS = Registry("plot")


def plots_of(subject: object) -> list[str]:
    """The names of the pictures that there are of something."""
    return [name for name, draw in PLOTS.items() if isinstance(subject, _drawn(draw))]


def plot(subject: typing.Any, kind: str, path: str | os.PathLike) -> None:
    """Draw one picture of a result into a file.

    Args:
        subject: An `Explanation` or a `Report`.
        kind: Of an explanation "importance" (an image where the inputs are one, else bars), "pathways" (the units that
            are alive and the weights between them) or "weights" (the same, layer by layer, as matrices); of a report
            "layers" (what is left of every layer) or "quality" (loss and metrics after every stage).
        path: Where to write; the suffix says the format, for example `.png` or `.svg`.

    Raises:
        OptionError: There is no such picture, or not of this.

    Example:

    >>> plot(explain(dense), "pathways", "pathways.png")
    >>> plot(compress(model, Budget(flops=0.5)).report, "layers", "layers.svg")
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (only who draws pays for it)

    draw: Callable = PLOTS[kind]
    if not isinstance(subject, _drawn(draw)):
        has = ", ".join(plots_of(subject)) or "none"
        raise OptionError(
            f"The plot {kind!r} draws an object of the class {_drawn(draw).__name__}. Received: "
            f"{type(subject).__name__}, of which there is: {has}."
        )
    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    draw(subject, figure)
    with atomic_path(path) as target:
        figure.savefig(target)


def _drawn(draw: Callable) -> type:
    """What a picture is of: the type of the first argument."""
    return next(iter(typing.get_type_hints(draw).values()))
