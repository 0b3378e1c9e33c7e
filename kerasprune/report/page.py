"""The report as one page for a browser: inline CSS and SVG, no scripts, nothing from elsewhere."""

from importlib.resources import files
from typing import TYPE_CHECKING

from kerasprune.core import MEASURES
from kerasprune.report.bars import bar, counts, percent
from kerasprune.report.change import Change, Measured
from kerasprune.report.line_chart import line_chart
from kerasprune.report.markup import Markup, figure, joined, tag
from kerasprune.report.page_lists import choice, exported, left_alone, ours, plan
from kerasprune.report.page_tables import layers, rounds
from kerasprune.report.section import section
from kerasprune.report.stages import stages
from kerasprune.report.timed import Timed

if TYPE_CHECKING:
    from kerasprune.report.report import Report

# The words of people for what a budget limits.
WORDS = {"flops": "multiply-accumulates", "params": "parameters"}


def page(report: "Report") -> str:
    """The whole page.

    Args:
        report: The report; equal ones give equal pages.
    """
    title = f"{report.name or 'Model'}, compressed"
    style = files("kerasprune.report").joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    parts = (quality, layers, rounds, exported, choice, left_alone, ours, plan)
    body = tag("body", _header(report), tag("main", *(part(report) for part in parts)), _footer(report))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _header(report: "Report") -> Markup:
    made = " · ".join(f"{name}: {value}" for name, value in report.settings.items() if name != "budget")
    return tag(
        "header",
        tag("p", report.name or "Keras model", class_="eyebrow"),
        tag("h1", _headline(report)),
        tag("p", made, class_="lede"),
        _chips(report),
        *(tag("p", note, class_="note") for note in report.notes),
        tag("div", *_cards(report), class_="cards"),
    )


def _headline(report: "Report") -> Markup:
    kept = f"{percent(report.macs.kept)} of the multiply-accumulates"
    metric = next((each for each in report.quality if each.name != "loss"), None)
    if metric is None:
        return joined(f"{kept}, {percent(report.params.kept)} of the parameters")
    return joined(f"{kept}, {metric.name} {measured(metric, metric.after)}")


def _chips(report: "Report") -> Markup:
    chips = []
    for name, limit in report.limits.items():
        reached = report.total(name).after <= limit * (1 + 1e-9)
        word = "within" if reached else "above"
        said = joined(f"{WORDS.get(name, name)} {word} the budget of ", figure(limit, f"{limit:,.0f}"))
        chips.append(tag("span", said, class_="chip" if reached else "chip no"))
    if report.difference is not None:
        gap = figure(report.difference, f"within {report.difference:.2g}" if report.difference else "exactly")
        said = joined("masked and slimmed outputs agree ", gap)
        chips.append(tag("span", said, class_="chip"))
    return tag("div", *chips) if chips else joined()


def _cards(report: "Report") -> list[Markup]:
    """One card for every measure; those that the budget limits first."""
    names = [*report.limits, *(name for name in ("flops", "params", "channels") if name not in report.limits)]
    names += [name for name in report.others if name not in names]
    cards = [_card(name, report.total(name), report.limits.get(name)) for name in names]
    return cards if report.latency is None else [*cards, _latency(report.latency)]


def _latency(timed: Timed) -> Markup:
    asked = timed.allowed and joined("asked: at most ", figure(timed.allowed, percent(timed.allowed)))
    return tag(
        "div",
        tag("p", "latency"),
        tag("p", figure(timed.kept, percent(timed.kept)), tag("small", " kept"), class_="big"),
        bar(Change(1.0, timed.kept), asked=timed.allowed),
        tag("p", figure(timed.before), " → ", figure(timed.after), " ms"),
        asked and tag("p", asked),
        tag("p", timed.how),
        class_="card",
    )


def _card(name: str, change: Change, limit: float | None) -> Markup:
    words = WORDS.get(name, name)
    asked = None if limit is None else f"asked: at most {percent(limit / max(change.before, 1))}"
    unit = MEASURES[name].unit if name in MEASURES and name not in WORDS and name != "channels" else ""
    return tag(
        "div",
        tag("p", words),
        tag("p", percent(change.kept), tag("small", " kept"), class_="big"),
        bar(change, asked=limit),
        tag("p", counts(change, unit)),
        asked and tag("p", asked),
        class_="card",
    )


def quality(report: "Report") -> Markup | None:
    """How good the model was, and how good it is after each step."""
    if not report.quality:
        return None
    about = joined("Measured on ", figure(report.samples), " samples of the data that the compression was given.")
    cards = [_metric(report, each) for each in report.quality]
    return section("Before and after", about, tag("div", *cards, class_="charts"), anchor="quality")


def _metric(report: "Report", each: Measured) -> Markup:
    change = each.after - each.before
    good = change == 0 or (change > 0) == each.more_is_better
    return tag(
        "div",
        tag("h3", each.name),
        tag(
            "p",
            figure(each.before, measured(each, each.before)),
            " → ",
            tag("strong", figure(each.after, measured(each, each.after))),
            " ",
            tag("span", difference(each), class_="good" if good else "bad"),
        ),
        line_chart(stages(each, report.steps), lambda value: measured(each, value), each.name),
        class_="card",
    )


def measured(metric: Measured, value: float) -> str:
    """A value of a metric in words."""
    return f"{value:.2%}" if metric.name.endswith("accuracy") else f"{value:.4g}"


def difference(metric: Measured) -> str:
    """What has become of a metric, in words."""
    change = metric.after - metric.before
    if metric.name.endswith("accuracy"):
        return f"({100 * change:+.2f} points)"
    return f"({change:+.3g})"


def _footer(report: "Report") -> Markup:
    versions = report.plan.get("versions", {})
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    return tag("footer", tag("p", f"Made by {made or 'kerasprune'}. Figures are those of the JSON report beside it."))
