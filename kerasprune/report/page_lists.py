"""The parts of the page that list: files, what was chosen, what was left alone, and the plan that made it."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerasprune.report.bars import grid, number, row
from kerasprune.report.exported_file import ExportedFile
from kerasprune.report.markup import Markup, figure, joined, tag
from kerasprune.report.section import section

if TYPE_CHECKING:
    from kerasprune.report.report import Report


def exported(report: "Report") -> Markup | None:
    """The files that were written of the result."""
    if not report.files:
        return None
    metrics = list(dict.fromkeys(name for file in report.files for name in file.quality))
    header = ("File", "Recipe", "Size", *metrics, "Median", "90 %", "Speed", "Difference to Keras")
    processors = sorted({file.processor for file in report.files if file.processor})
    about = f"Timed on {'; '.join(processors)}." if processors else None
    rows = [_file(file, metrics) for file in report.files]
    return section("Exported files", about, grid(header, rows, "Exported files"), anchor="files")


def _file(file: ExportedFile, metrics: list[str]) -> Markup:
    gap = file.difference
    return row(
        file.name,
        number("Recipe", file.recipe),
        number("Size", figure(file.size, f"{file.size / 1024:,.1f} KiB")),
        *(number(name, _value(name, file.quality.get(name))) for name in metrics),
        number("Median", _value("ms", file.median_ms)),
        number("90 %", _value("ms", file.p90_ms)),
        number("Speed", "" if file.speedup is None else figure(file.speedup, f"{file.speedup:.2f} ×")),
        number("Difference to Keras", "" if gap is None else figure(gap, f"{gap:.1e}")),
    )


def _value(name: str, value: float | None) -> Markup:
    if value is None:
        return joined()
    if name == "ms":
        return figure(value, f"{value:.3f} ms")
    return figure(value, f"{value:.2%}" if name.endswith("accuracy") else f"{value:.4g}")


def choice(report: "Report") -> Markup | None:
    """What was decided where nothing was named, and what else was tried."""
    if not report.choice:
        return None
    parts = []
    if report.tried:
        rows = [row(name, number("Result", figure(value))) for name, value in sorted(report.tried.items(), key=_second)]
        parts.append(grid(("Tried, the best first", "Lower is better"), rows, "What was tried"))
    failed = [tag("p", tag("strong", name), f" does not work here: {why}") for name, why in report.failed.items()]
    return section("How it was chosen", report.choice, *parts, *failed, anchor="choice")


def _second(item: tuple[str, float]) -> float:
    return item[1]


def left_alone(report: "Report") -> Markup | None:
    """What was not touched, by reason."""
    return _reasons(report.left_alone, "Left alone, and why", "left-alone")


def ours(report: "Report") -> Markup | None:
    """Layers of this package in the result, by reason."""
    return _reasons(report.ours, "Layers of kerasprune in the result", "ours")


def _reasons(reasons: Mapping[str, str], title: str, anchor: str) -> Markup | None:
    if not reasons:
        return None
    names = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    items = [
        tag("li", tag("p", reason), tag("p", *(joined(tag("code", each), " ") for each in each_name), class_="names"))
        for reason, each_name in names.items()
    ]
    return section(title, None, tag("div", tag("ul", *items, class_="reasons"), class_="card"), anchor=anchor)


def plan(report: "Report") -> Markup | None:
    """The settings, and the plan that makes the result again."""
    if report.plan:
        text = tag("pre", tag("code", json.dumps(report.plan, indent=2)), tabindex="0", aria_label="The plan")
        about = "Saved as a file, it makes this result again: kerasprune run FILE."
        return section("The plan", about, text, anchor="plan")
    if not report.settings:
        return None
    pairs = [part for name, value in report.settings.items() for part in (tag("dt", name), tag("dd", value))]
    return section("Settings", None, tag("div", tag("dl", *pairs), class_="card"), anchor="plan")
