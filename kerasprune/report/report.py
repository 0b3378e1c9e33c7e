"""The record of one compression."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasprune.core import MEASURES, ChannelGraph, OptionError, Whole, table, write_text
from kerasprune.graph import Opened
from kerasprune.report.change import Change, LayerChange, Measured, layer_changes
from kerasprune.report.exported_file import ExportedFile
from kerasprune.report.page import page
from kerasprune.report.round_step import Step
from kerasprune.report.timed import Timed
from kerasprune.slimming import verify
from kerasprune.slimming.opening import with_masks
from kerasprune.slimming.slim import shrink

COLUMNS = ("channels", "params", "flops")  # the measures that the table shows layer by layer
HEADER = ("layer", "channels", "parameters", "MACs", "MACs kept")


@dataclass(frozen=True)
class Report:
    """What compression did: before and after, layer by layer, and what it left alone.

    Attributes:
        settings: How it was done, as pairs of words: criterion, strategy, budget, seed, ...
        channels: Channel ids of the model; channels that live or die together count as one.
        params: Parameters of the model.
        macs: Multiply-accumulates of one sample.
        layers: The layers that have weights or multiply-accumulates.
        left_alone: Name of a layer or group to the reason why nothing was removed from it.
        steps: The rounds of ranking and removing.
        difference: Largest difference between the masked and the slimmed model over all steps, relative to the
            output; None if it was not measured.
        others: What else can be measured of the model, by the name of the measure.
        ours: Name of a layer of this package in the slimmed model to the reason why it is no stock layer.
        quality: Loss and metrics on the data that was given with labels, before and after; see `compress`.
        samples: How many samples these were measured on.
        notes: What else the user should know, such as a loss that was inferred.
        choice: What was chosen where nothing was given, and why; empty where everything was given.
        latency: How long the model took and takes once it is exported; None where it was not timed.
        name: Of the model.
        limits: The budget as absolute numbers, by the name of the measure.
        tried: What ways were tried to how each ended, lower being better, where something was chosen.
        failed: Ways that do not work on this model and data, to the reason.
        files: What was exported of the result.
        plan: What makes this result again: the mapping that `Plan` reads, with versions and seed.

    Example:

    >>> report = compress(model, Budget(flops=0.5)).report
    >>> report.save("small.report.json")
    >>> report.save("small.report.html")  # one page to look at; it needs no network
    """

    settings: Mapping[str, str]
    channels: Change
    params: Change
    macs: Change
    layers: tuple[LayerChange, ...]
    left_alone: Mapping[str, str]
    steps: tuple[Step, ...] = ()
    difference: float | None = None
    others: Mapping[str, Change] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)
    quality: tuple[Measured, ...] = ()
    samples: int = 0
    notes: tuple[str, ...] = ()
    choice: str = ""
    latency: Timed | None = None
    name: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    tried: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    files: tuple[ExportedFile, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        graph: ChannelGraph,
        keep: np.ndarray,
        settings: Mapping[str, object] | None = None,
        steps: Iterable[Step] = (),
        choice: str = "",
    ) -> "Report":
        """The report on the removal of what `keep` does not keep.

        Args:
            graph: The trace of the original model.
            keep: bool (num_ids,), True = stays.
            settings: How it was done.
            steps: The rounds that led there.
            choice: What was chosen where nothing was given, and why.
        """
        keep, steps = graph.complete(keep), tuple(steps)
        measured = [step.difference for step in steps if step.difference is not None]
        return cls(
            settings={name: str(value) for name, value in (settings or {}).items()},
            channels=Change(graph.channels(), graph.channels(keep)),
            params=Change(round(graph.params()), round(graph.params(keep))),
            macs=Change(round(graph.macs()), round(graph.macs(keep))),
            layers=layer_changes(graph, keep),
            left_alone=_left_alone(graph),
            steps=steps,
            difference=max(measured, default=None),
            others={
                name: Change(round(measure.value(graph)), round(measure.value(graph, keep)))
                for name, measure in MEASURES.items()
                if name not in COLUMNS
            },
            ours=_ours(graph, keep),
            choice=choice,
        )

    @classmethod
    def of_model(cls, model: keras.Model, settings: Mapping[str, object] | None = None) -> "Report":
        """The report on what `slim` takes out of a model with gates, masks or zeros in its weights, and what it leaves.

        Args:
            model: A model from `gate`, `sparsify` or `mask`, or one with gates, masks or sparse layers in it.
            settings: How it was made.

        Example:

        >>> from kerasprune import mask
        >>> "channels" in str(Report.of_model(mask(model, keep)))
        True
        """
        opened = with_masks(Opened.of(model))
        alive = shrink(opened)
        report = cls.of(opened.graph, alive.keep, settings)
        left_alone = {**report.left_alone, **alive.masks}
        return replace(report, left_alone=left_alone, difference=verify(model, small=alive.model))

    def to_json(self) -> str:
        """The report as JSON text; equal reports give equal text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def to_html(self) -> str:
        """The report as one HTML page that refers to nothing outside of it; equal reports give equal pages."""
        return page(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write the report to a file, which is replaced whole or not at all.

        Args:
            path: Ends in `.json` or `.html`; `plot` draws parts of it as pictures.

        Raises:
            FolderError: The folder does not exist.
            OptionError: The name ends in something else.
        """
        forms = {".json": self.to_json, ".html": self.to_html}
        suffix = Path(path).suffix.lower()
        if suffix not in forms:
            raise OptionError(f"A report is written to a file in {' or '.join(forms)}. Received: {str(path)!r}.")
        write_text(path, forms[suffix]())

    def total(self, measure: str) -> Change:
        """What a measure that a budget limits was of the model, and is of the smaller one."""
        fields = {"channels": self.channels, "params": self.params, "flops": self.macs}
        return fields[measure] if measure in fields else self.others[measure]

    def rows(self) -> list[tuple[str, ...]]:
        """The table as text: one row per layer, the total last."""
        rows = [_row(row.name, row.channels, row.params, row.macs) for row in self.layers]
        return [*rows, _row("total", self.channels, self.params, self.macs)]

    def remarks(self) -> list[str]:
        """What the table does not say: the settings, the check, and what was left alone."""
        lines = [", ".join(f"{name}: {value}" for name, value in self.settings.items())] if self.settings else []
        lines += [f"chosen: {self.choice}"] if self.choice else []
        lines += [
            f"{name}: {change} {MEASURES[name].unit}, {100 * change.kept:.1f} % kept"
            for name, change in self.others.items()
        ]
        if len(self.steps) > 1:
            lines.append(
                f"{len(self.steps)} steps, MACs after each: {', '.join(f'{step.macs:,}' for step in self.steps)}"
            )
        if self.steps and self.steps[-1].weights is not None:
            weights = self.steps[-1].weights
            lines.append(f"single weights: {weights}, {100 * weights.kept:.2f} % kept")
        if self.difference is not None:
            lines.append(f"masked and slimmed outputs differ by at most {self.difference:.2g} of their scale")
        if self.quality:
            lines.append(f"on {self.samples:,} samples: {', '.join(map(str, self.quality))}")
        if self.latency is not None:
            lines += self.latency.remarks() + self.latency.why_not_faster(self.macs.kept)
        lines += self.notes
        for repair in self.steps[-1].repairs if self.steps else ():
            lines.append(f"recovery: {repair}")
        lines += [f"layer of kerasprune: {name}: {reason}" for name, reason in self.ours.items()]
        return lines + [f"left alone: {name}: {reason}" for name, reason in self.left_alone.items()]

    def print(self, console=None) -> None:
        """Print the report as a table.

        Args:
            console: A `rich.console.Console`; by default one for the standard output.
        """
        from rich.console import Console  # noqa: PLC0415  (only who prints pays for it)

        (console or Console()).print(str(self), markup=False, highlight=False, soft_wrap=True)

    def __str__(self) -> str:
        return "\n".join([*table([HEADER, *self.rows()], figures=True, total=True), *self.remarks()])


def _row(name: str, channels: Change | None, params: Change, macs: Change) -> tuple[str, ...]:
    kept = f"{100 * macs.kept:.1f} %" if macs.before else ""
    return name, str(channels or ""), str(params), str(macs), kept


def _left_alone(graph: ChannelGraph) -> dict[str, str]:
    """Declined layers and frozen groups, each with its reason."""
    reasons = {group.name: group.frozen for group in graph.groups if group.frozen is not None}
    return {**graph.declined, **{name: why for name, why in reasons.items() if name not in graph.declined}}


def _ours(graph: ChannelGraph, keep: np.ndarray) -> dict[str, str]:
    """The layers of this package; one that stands for another does so only where that loses channels."""
    totals = {path: edit for path, edits in graph.edits.items() if isinstance(edit := edits.get("total"), Whole)}
    return {path: why for path, why in graph.ours.items() if path not in totals or totals[path].under(keep)}
