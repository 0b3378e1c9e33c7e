"""How good a model was before it was compressed and is afterwards, for the report."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kerasprune.core import DataError, ValuesError
from kerasprune.evidence import Sampling
from kerasprune.evidence.quality import Quality
from kerasprune.graph import Opened
from kerasprune.report import Measured, Report


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is known before a compression.

    Attributes:
        sampling: The data, with the loss that outputs and labels ask for where there is no other, so that all steps of
            a compression are judged by the same one.
        quality: Measures models; None where the data has no labels, or they do not fit.
        before: What it measured.
        notes: Sentences for the report: a loss that was inferred, or why nothing was measured.
    """

    sampling: Sampling = Sampling()
    quality: Quality | None = None
    before: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()
    _last: dict[int, tuple[Opened, dict[str, float]]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, opened: Opened, sampling: Sampling) -> "Judgement":
        """Measure a model, if there is data with labels that fits it.

        Args:
            opened: The model.
            sampling: The data, and the loss where one is given.

        Raises:
            ValuesError: The data holds NaN, or its labels are no numbers.
        """
        if sampling.data is None or next(sampling.batches()).y is None:
            return cls(sampling)
        try:
            quality = Quality(opened.runs.flat, sampling)
            before = quality(opened.runs.copy())
        except ValuesError:
            raise
        except DataError as error:  # a criterion that needs labels says so itself
            return cls(sampling, notes=(f"not measured before and after: {error}",))
        if not quality.chosen.remark:
            return cls(sampling, quality, before)
        warnings.warn(quality.chosen.remark, stacklevel=3)
        known = replace(quality.chosen, remark="")  # said once
        return cls(replace(sampling, loss=known), quality, before, (quality.chosen.remark,))

    def after(self, opened: Opened, report: Report) -> Report:
        """The report with what was measured before and is measured now.

        Args:
            opened: The smaller model.
            report: The report without it.
        """
        found = self.measured(opened)
        samples = 0 if self.quality is None else self.quality.samples
        return replace(report, quality=found, samples=samples, notes=(*self.notes, *report.notes, *_advice(found)))

    def measured(self, opened: Opened) -> tuple[Measured, ...]:
        """What was measured before, and now of the smaller model; empty where nothing can be measured."""
        if self.quality is None or self.before is None:
            return ()
        now = self.values(opened)
        return tuple(
            Measured(name, value, now[name], self.quality.more_is_better(name)) for name, value in self.before.items()
        )

    def values(self, opened: Opened) -> dict[str, float]:
        """Loss and metrics of a model by name; empty where nothing can be measured. The last model is measured once."""
        if self.quality is None:
            return {}
        if id(opened) not in self._last:
            self._last.clear()
            self._last[id(opened)] = (opened, dict(self.quality(opened.runs.copy())))
        return self._last[id(opened)][1]


def _advice(found: tuple[Measured, ...]) -> list[str]:
    """What to do about a result that is much worse than the model, by the metrics or else by the loss."""
    metrics = [measured for measured in found if measured.name != "loss"]
    worst = next((measured for measured in metrics or found if measured.is_much_worse), None)
    if worst is None:
        return []
    return [
        f"The result is much worse than the model ({worst}). Train it (`kerasprune.finetune` or --finetune-epochs), "
        "remove less, give more data, or let the effort be thorough."
    ]
