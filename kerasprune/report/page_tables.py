"""The parts of the page that are tables: layer by layer, and round by round."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kerasprune.report.bars import counts, grid, number, pair, row
from kerasprune.report.change import Change, LayerChange
from kerasprune.report.markup import Markup, figure, joined, tag
from kerasprune.report.round_step import Step
from kerasprune.report.section import section

if TYPE_CHECKING:
    from kerasprune.report.report import Report

COLUMNS = ("Layer", "Channels", "Parameters", "MACs")
TIME = "Milliseconds"


def layers(report: "Report") -> Markup | None:
    """Channels, parameters and multiply-accumulates of every layer, before and after."""
    if not report.layers:
        return None
    changed = [each for each in report.layers if _changed(each)]
    same = [each for each in report.layers if not _changed(each)]
    key = tag(
        "ul",
        tag("li", "kept", style="--colour:var(--now)"),
        tag("li", "removed", style="--colour:var(--was)"),
        class_="key",
        aria_hidden="true",
    )
    shown = [_table(report, changed, "Layers that lost channels or weights")] if changed else []
    if same:
        title = f"{len(same)} layer{'s' if len(same) > 1 else ''} as before"
        shown.append(
            tag("details", tag("summary", title), _table(report, same, title), open=None if changed else "open")
        )
    shown += _elsewhere(report)
    about = "In the order in which they run; MACs are multiply-accumulates of one sample. The largest fills its bar."
    return section("Layer by layer", about, key, *shown, anchor="layers")


def _elsewhere(report: "Report") -> list[Markup]:
    """The time that is spent in no layer of the table."""
    times = {} if report.latency is None else report.latency.layers
    others = sorted(set(times) - {each.name for each in report.layers})
    return [
        tag("p", f"{name}: ", figure(times[name][0]), " → ", figure(times[name][1]), " ms", class_="about")
        for name in others
    ]


def _changed(each: LayerChange) -> bool:
    return any(change.before != change.after for change in (each.channels, each.params, each.macs) if change)


def _table(report: "Report", chosen: Iterable[LayerChange], caption: str) -> Markup:
    columns = dict(zip(COLUMNS[1:], ("channels", "params", "macs"), strict=True))
    times = {} if report.latency is None else report.latency.layers
    most = {label: max((_of(each, column) for each in report.layers), default=1) for label, column in columns.items()}
    slowest = max((before for before, _ in times.values()), default=0)
    rows = []
    for each in chosen:
        cells = [pair(label, getattr(each, column), most[label]) for label, column in columns.items()]
        if times:
            cells.append(pair(TIME, Change(*times[each.name]) if each.name in times else None, slowest))
        rows.append(row(each.name, *cells))
    return grid((*COLUMNS, *([TIME] if times else [])), rows, caption, numbers=False)


def _of(each: LayerChange, column: str) -> float:
    change = getattr(each, column)
    return change.before if change is not None else 0


def rounds(report: "Report") -> Markup | None:
    """What every round aimed at, left and measured, and what the recoveries did in it."""
    if not report.steps:
        return None
    metrics = list(dict.fromkeys(name for step in report.steps for values in step.quality.values() for name in values))
    named = ("Round", "Aimed at", "MACs", "Parameters", "Channels", *metrics, "Difference")
    rows = [_round(count, step, metrics) for count, step in enumerate(report.steps, 1)]
    one = len(rows) == 1
    about = (
        "What was left after each round of ranking and removing; the difference is that of masked and slimmed outputs."
    )
    repairs = [_repairs(count, step) for count, step in enumerate(report.steps, 1) if step.repairs]
    title = "The round" if one else f"{len(rows)} rounds"
    return section(title, about, grid(named, rows, title), *repairs, anchor="rounds")


def _round(count: int, step: Step, metrics: list[str]) -> Markup:
    aims = [
        tag("div", tag("span", f"{name} ", class_="still"), figure(value, f"{value:,.0f}"))
        for name, value in step.target.items()
    ]
    stages = [_stages(name, step) for name in metrics]
    gap = joined() if step.difference is None else figure(step.difference, f"{step.difference:.2g}")
    weights = None if step.weights is None else tag("div", "weights of kernels ", counts(step.weights))
    return row(
        str(count),
        number("Aimed at", *aims, weights),
        *(
            number(label, figure(value))
            for label, value in (("MACs", step.macs), ("Parameters", step.params), ("Channels", step.channels))
        ),
        *(number(name, stage) for name, stage in zip(metrics, stages, strict=True)),
        number("Difference", gap),
    )


def _stages(metric: str, step: Step) -> Markup:
    """A metric after each stage of a round: "cut 21.80 %, repaired 92.15 %"."""
    found = [(stage, values[metric]) for stage, values in step.quality.items() if metric in values]
    lines = []
    for stage, value in found:
        shown = f"{value:.2%}" if metric.endswith("accuracy") else f"{value:.4g}"
        lines.append(tag("div", tag("span", f"{stage} ", class_="still"), figure(value, shown)))
    return joined(*lines)


def _repairs(count: int, step: Step) -> Markup:
    rows = [
        row(
            repair.layer,
            number("before", "" if repair.before is None else figure(repair.before)),
            number("after", "" if repair.after is None else figure(repair.after)),
            number("remark", repair.note),
        )
        for repair in step.repairs
    ]
    title = f"What the recoveries did in round {count}: squared error of each layer, over the variance of its output"
    return tag("details", tag("summary", title), grid(("Layer", "Before", "After", "Remark"), rows, title))
