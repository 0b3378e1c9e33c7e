"""A few numbers, one after the other, as a line with its values written on it: inline SVG."""

from collections.abc import Callable, Sequence

from kerasprune.report.markup import Markup, tag

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 40, 26, 54
NAMED = 5  # points up to which every one has its value beside it


def line_chart(points: Sequence[tuple[str, float]], shown: Callable[[float], str], about: str) -> Markup:
    """The chart; the first point gives the level that the others are compared with.

    Args:
        points: What each is called, and its value.
        shown: Turns a value into words.
        about: What the chart shows, for those who do not see it.
    """
    values = [value for _, value in points]
    places = _places(values)
    first, last = places[0], places[-1]
    level = tag("line", class_="level", x1=fixed(first[0]), y1=fixed(first[1]), x2=fixed(last[0]), y2=fixed(first[1]))
    path = tag("polyline", class_="path", points=" ".join(f"{fixed(x)},{fixed(y)}" for x, y in places))
    dots = [
        tag("circle", class_="dot" if number else "dot was", cx=fixed(x), cy=fixed(y), r=4.5)
        for number, (x, y) in enumerate(places)
    ]
    named = range(len(points)) if len(points) <= NAMED else (0, values.index(min(values)), len(points) - 1)
    texts = [
        text
        for number in sorted(set(named))
        for text in _texts(points[number][0], shown(values[number]), places[number], _is_low(values, number))
    ]
    told = "; ".join(f"{name}: {shown(value)}" for name, value in points)
    return tag(
        "svg", level, path, *dots, *texts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{about}: {told}"
    )


def _places(values: Sequence[float]) -> list[tuple[float, float]]:
    """Where the points stand, in the units of the picture."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = (WIDTH - LEFT - RIGHT) / max(len(values) - 1, 1)
    depth = HEIGHT - TOP - BOTTOM
    return [(LEFT + number * step, TOP + depth * (high - value) / span) for number, value in enumerate(values)]


def _is_low(values: Sequence[float], number: int) -> bool:
    """Whether the line leaves a point upwards, so that its value is read below it."""
    beside = [values[place] for place in (number - 1, number + 1) if 0 <= place < len(values)]
    return bool(beside) and values[number] < max(beside) and values[number] <= min(beside)


def _texts(name: str, value: str, place: tuple[float, float], low: bool) -> list[Markup]:
    """The value above or below its point, the name below the picture."""
    x, y = place
    return [
        tag("text", value, class_="value", x=fixed(x), y=fixed(y + 19 if low else y - 11), text_anchor="middle"),
        tag("text", name, x=fixed(x), y=HEIGHT - 6, text_anchor="middle"),
    ]


def fixed(length: float) -> str:
    """A length as SVG has it."""
    return f"{length:.1f}"
